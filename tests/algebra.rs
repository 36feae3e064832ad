//! Laws: pairs of programs that no observer can tell apart, wherever they stand and whatever the variables hold.
//!
//! Both sides run for real, from the same state. What they see, what they leave, which hooks run in which order and what
//! they wait for must be the same. No model says what that is.

#[path = "algebra/equation.rs"]
mod equation;
#[path = "model/mod.rs"]
mod model;
#[path = "algebra/parts.rs"]
mod parts;
#[path = "algebra/shots.rs"]
mod shots;

use common::watchdog;

use equation::Sameness::{Effects, Full};
use equation::law;
use model::kinds::Value;
use model::program::Step;
use model::world::kind_of;
use parts::Parts;

/// How many times each law is tried.
const CASES: usize = 150;

macro_rules! laws {
    ($($(#[doc = $documentation:literal])* $name:ident, $sameness:ident: $sides:expr;)*) => {
        $(
            $(#[doc = $documentation])*
            #[test]
            fn $name() {
                let _watchdog = watchdog();
                law(CASES, $sameness, $sides);
            }
        )*
    };
}

fn or_else(first: &[Step], second: &[Step]) -> Step {
    Step::OrElse(first.to_vec(), second.to_vec())
}

fn nested(steps: &[Step]) -> Step {
    Step::Nested(steps.to_vec())
}

fn then(steps: &[Step], last: impl IntoIterator<Item = Step>) -> Vec<Step> {
    steps.iter().cloned().chain(last).collect()
}

/// What a value is once it has been in `x`.
fn kept(parts: &Parts, value: Value) -> Value {
    kind_of(parts.x).keep(value)
}

// Choosing.
laws! {
    or_else_is_associative, Full: |l| (
        vec![or_else(&[or_else(&l.p, &l.q)], &l.r)],
        vec![or_else(&l.p, &[or_else(&l.q, &l.r)])],
    );
    retry_is_the_left_unit_of_or_else, Full: |l| (vec![or_else(&[Step::Retry], &l.p)], l.p.clone());
    retry_is_the_right_unit_of_or_else, Full: |l| (vec![or_else(&l.p, &[Step::Retry])], l.p.clone());
    a_branch_that_reaches_its_end_is_the_choice, Full: |l| (vec![or_else(&l.total, &l.p)], l.total.clone());
    a_branch_that_retries_has_never_run, Effects: |l| (
        vec![or_else(&then(&l.total, [Step::Retry]), &l.p)],
        l.p.clone(),
    );
    a_cancel_does_not_choose_the_second_branch, Full: |l| {
        let cancelled = then(&l.total, [Step::Cancel(l.v)]);
        (vec![or_else(&cancelled, &l.p)], cancelled)
    };
    what_surely_follows_a_choice_may_follow_in_both_branches, Full: |l| (
        then(&[or_else(&l.p, &l.q)], l.total.clone()),
        vec![or_else(&then(&l.p, l.total.clone()), &then(&l.q, l.total.clone()))],
    );
    choosing_between_readers_is_choosing, Full: |l| (
        vec![Step::Look(l.look.clone(), Vec::new())],
        vec![or_else(&l.look, &[])],
    );
}

// Retrying and checking.
laws! {
    a_condition_that_holds_is_nothing, Full: |_| (vec![Step::CheckThat(true)], Vec::new());
    a_condition_that_does_not_hold_is_retry, Full: |_| (vec![Step::CheckThat(false)], vec![Step::Retry]);
    nothing_follows_a_retry, Full: |l| (then(&[Step::Retry], l.p.clone()), vec![Step::Retry]);
    nothing_follows_a_cancel, Full: |l| (then(&[Step::Cancel(l.v)], l.p.clone()), vec![Step::Cancel(l.v)]);
    a_hidden_retry_is_a_retry, Full: |l| (then(&l.p, [Step::SwallowedRetry]), then(&l.p, [Step::Retry]));
    a_retry_hidden_behind_a_cancel_is_a_retry, Full: |l| (
        then(&l.p, [Step::SwallowedRetryThenCancel(l.v)]),
        then(&l.p, [Step::Retry]),
    );
}

// Nesting.
laws! {
    a_nested_part_that_does_not_cancel_could_stand_there_itself, Full: |l| (vec![nested(&l.certain)], l.certain.clone());
    nesting_twice_is_nesting, Full: |l| (vec![nested(&[nested(&l.p)])], vec![nested(&l.p)]);
    nesting_nothing_is_nothing, Full: |_| (vec![nested(&[])], Vec::new());
    a_cancelled_part_has_never_run, Effects: |l| (
        vec![nested(&then(&l.total, [Step::Cancel(l.v)]))],
        vec![Step::See(l.v)],
    );
    a_part_cancelled_as_a_whole_was_cancelled_from_the_start, Effects: |l| (
        then(&l.total, [nested(&then(&l.other_total, [Step::Cancel(l.v)]))]),
        then(&l.total, [nested(&[Step::Cancel(l.v)])]),
    );
    a_retry_hidden_in_a_nested_part_is_a_retry, Full: |l| (
        vec![nested(&then(&l.total, [Step::SwallowedRetry]))],
        then(&l.total, [Step::Retry]),
    );
    a_retry_is_none_of_the_business_of_a_nested_part, Full: |l| (
        vec![nested(&then(&l.total, [Step::Retry]))],
        then(&l.total, [Step::Retry]),
    );
}

// Reading and writing.
laws! {
    reading_is_reading_however, Full: |l| (
        vec![Step::Read(l.x); 4],
        vec![Step::ReadRef(l.x), Step::With(l.x), Step::IntoRef(l.x), Step::Read(l.x)],
    );
    a_read_after_a_write_gives_what_was_written, Full: |l| (
        vec![Step::Write(l.x, l.v), Step::Read(l.x)],
        vec![Step::Write(l.x, l.v), Step::See(kept(l, l.v))],
    );
    of_two_writes_the_last_one_counts, Full: |l| (
        vec![Step::Write(l.x, l.v), Step::Write(l.x, l.w)],
        vec![Step::Write(l.x, l.w)],
    );
    writing_what_was_read_changes_nothing, Effects: |l| (
        vec![Step::CheckIs(l.x, l.v), Step::Write(l.x, l.v)],
        vec![Step::CheckIs(l.x, l.v)],
    );
    replacing_is_reading_and_writing, Full: |l| (
        vec![Step::Replace(l.x, l.v)],
        vec![Step::Read(l.x), Step::Write(l.x, l.v)],
    );
    modifying_is_reading_and_writing, Full: |l| (vec![Step::Modify(l.x, l.v)], vec![Step::ReadThenWrite(l.x, l.v)]);
    updating_is_reading_and_modifying, Full: |l| (
        vec![Step::Update(l.x, l.v)],
        vec![Step::Read(l.x), Step::Modify(l.x, l.v)],
    );
    writing_if_changed_is_choosing_whether_to_write, Full: |l| (
        vec![Step::WriteIfChanged(l.x, l.v)],
        vec![or_else(
            &[Step::CheckIs(l.x, kept(l, l.v)), Step::See(0)],
            &[Step::See(1), Step::Write(l.x, l.v)],
        )],
    );
    /// A reference outlives what happens to its variable.
    holding_a_reference_is_remembering_a_value, Full: |l| (
        vec![Step::CheckIs(l.x, kept(l, l.v)), Step::Hold(l.x, then(&l.total, [Step::Write(l.x, l.w)]))],
        [
            &[Step::CheckIs(l.x, kept(l, l.v))],
            &l.total[..],
            &[Step::Write(l.x, l.w), Step::Read(l.x), Step::See(kept(l, l.v))],
        ]
        .concat(),
    );
}
