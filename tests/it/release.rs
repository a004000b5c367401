//! What a build for operators must not hold.

use std::process::Command;

/// Points at which the process can be made to abort are for tests alone: `fail` brings them only by a
/// feature that nothing but the tests asks for.
#[test]
fn a_release_has_no_failpoints() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build"])
        .args(["--package", "stipend", "--format", "{p} {f}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{tree:?}");
    let tree = String::from_utf8(tree.stdout).unwrap();
    let fail = tree.lines().find(|line| line.contains("fail v"));
    let fail = fail.expect("the crate whose feature it is");
    assert!(!fail.contains("failpoints"), "{fail}");
}
