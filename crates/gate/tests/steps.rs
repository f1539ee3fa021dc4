//! Leaving out any step of the walk does not compile.

#[test]
fn a_walk_that_leaves_out_a_step_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/walk/whole.rs");
    cases.compile_fail("tests/fail/*.rs");
}
