use super::*;

const COSTS: Calibration = Calibration { hit: 1.0, atomic: 5.0, transfer: 60.0, work: 5.0 };
const MANY: usize = 100_000;

fn of(scheme: Scheme, cores: usize, variables: usize) -> f64 {
    looking(scheme, cores, variables, 0).throughput
}

fn looking(scheme: Scheme, cores: usize, variables: usize, looks: usize) -> Simulated {
    simulate(Setting { variables, looks, cores, scheme, costs: COSTS })
}

#[test]
fn one_core_waits_for_nobody() {
    // Two reads, two locks, the clock, two stores: 5 + 2 * 1 + 2 * 5 + 1 + 2 * 1 ns.
    let expected = 1e3 / 20.0;
    let measured = of(Scheme::Deferred, 1, 16);
    assert!((measured / expected - 1.0).abs() < 0.02, "{measured} instead of {expected}");
    for scheme in Scheme::ALL {
        let Simulated { transfers, aborts, .. } = looking(scheme, 1, 16, 50);
        assert_eq!((transfers, aborts), (0.0, 0.0), "{scheme:?}");
    }
}

#[test]
fn one_lock_and_one_clock_do_not_scale_and_separate_variables_do() {
    assert!(of(Scheme::OneLock, 32, MANY) < of(Scheme::OneLock, 2, MANY) * 1.5);
    assert!(of(Scheme::SequenceLock, 32, MANY) < of(Scheme::SequenceLock, 2, MANY) * 1.5);
    // Nobody is faster than the clock's line can travel.
    assert!(of(Scheme::FetchAdd, 32, MANY) <= 1e3 / 60.0 * 1.05);
    assert!(of(Scheme::CachedClock, 32, MANY) <= 1e3 / 60.0 * 1.05);
    assert!(of(Scheme::Deferred, 32, MANY) > 8.0 * of(Scheme::Deferred, 2, MANY));
    assert!(of(Scheme::LockEach, 32, MANY) > 8.0 * of(Scheme::LockEach, 2, MANY));
}

#[test]
fn a_clock_that_is_cached_travels_less() {
    let [plain, cached] = [Scheme::FetchAdd, Scheme::CachedClock].map(|scheme| looking(scheme, 4, MANY, 0));
    assert!(cached.throughput > plain.throughput, "{plain:?}, {cached:?}");
    assert!(cached.transfers < plain.transfers - 0.5, "{plain:?}, {cached:?}");
}

#[test]
fn who_only_looks_is_kept_waiting_by_locks_alone() {
    let gain = |scheme| looking(scheme, 32, 16, 100).throughput / looking(scheme, 2, 16, 100).throughput;
    for scheme in [Scheme::Deferred, Scheme::FetchAdd, Scheme::CachedClock, Scheme::SequenceLock] {
        assert!(gain(scheme) > 8.0, "{scheme:?}: {}", gain(scheme));
    }
    // Each reader counts itself in and out on one line.
    assert!(gain(Scheme::ReadWriteLock) < 1.5 && gain(Scheme::OneLock) < 1.5);
}

#[test]
fn a_writer_gets_its_turn_among_readers() {
    let mixed = looking(Scheme::ReadWriteLock, 32, 1024, 90);
    assert!(mixed.throughput.is_finite() && mixed.throughput > 0.5, "{mixed:?}");
}

#[test]
fn nothing_scales_where_everybody_meets() {
    assert!(of(Scheme::Deferred, 32, 2) < of(Scheme::Deferred, 1, 2));
    for scheme in [Scheme::Deferred, Scheme::FetchAdd, Scheme::SequenceLock] {
        assert!(looking(scheme, 8, 2, 0).aborts > 0.1, "{scheme:?}");
    }
    assert_eq!(looking(Scheme::LockEach, 8, 2, 0).aborts, 0.0);
}

#[test]
fn the_same_again_is_the_same() {
    for scheme in Scheme::ALL {
        assert_eq!(looking(scheme, 8, 64, 50), looking(scheme, 8, 64, 50));
    }
}
