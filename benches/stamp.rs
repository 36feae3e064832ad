//! `cargo bench --bench stamp -- PROGRAM.. [--size SIZE] [--threads N,..] [--rounds N] [--with COMPETITOR,..]`
//!
//! Times the ports of published applications.
fn main() {
    use stm_benches::stamp::{Competitor, intruder, vacation};
    for threads in [1, 2] {
        for competitor in Competitor::ALL {
            if threads > 1 && !competitor.is_concurrent() {
                continue;
            }
            let o = vacation::run(competitor, &vacation::Parameters::small(), threads);
            println!("vacation {competitor:10} {threads} {:?} {} {:?}", o.elapsed, o.aborts_per_commit(), o.verdict);
            let o = vacation::run(competitor, &vacation::Parameters::small_high(), threads);
            println!("vacationh {competitor:10} {threads} {:?} {} {:?}", o.elapsed, o.aborts_per_commit(), o.verdict);
            let o = intruder::run(competitor, &intruder::Parameters::small(), threads);
            println!("intruder {competitor:10} {threads} {:?} {} {:?}", o.elapsed, o.aborts_per_commit(), o.verdict);
        }
    }
    for threads in [1, 2] {
        for competitor in [Competitor::Sequential, Competitor::Coarse, Competitor::Stm] {
            if threads > 1 && !competitor.is_concurrent() {
                continue;
            }
            let o = vacation::run(competitor, &vacation::Parameters::middle(), threads);
            println!("vacation {competitor:10} {threads} {:?} {} {:?}", o.elapsed, o.aborts_per_commit(), o.verdict);
            let o = vacation::run(competitor, &vacation::Parameters::middle_high(), threads);
            println!("vacationh {competitor:10} {threads} {:?} {} {:?}", o.elapsed, o.aborts_per_commit(), o.verdict);
            let o = intruder::run(competitor, &intruder::Parameters::middle(), threads);
            println!("intruder {competitor:10} {threads} {:?} {} {:?}", o.elapsed, o.aborts_per_commit(), o.verdict);
        }
    }
}
