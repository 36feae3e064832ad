//! What the compiler says to those who make a mistake: every message of the macros, and the likeliest mistakes with the
//! function form. The expected output is pinned for the toolchain of `rust-version`.

#[test]
fn every_message_of_the_macros_points_at_the_mistake() {
    trybuild::TestCases::new().compile_fail("ui/macros/*.rs");
}

#[test]
fn the_likeliest_mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("ui/api/*.rs");
}
