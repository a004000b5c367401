use super::*;

pub(super) mod served;

#[test]
fn excerpts_are_short_and_harmless() {
    assert_eq!(excerpt(b"<html>\n\x1b[31m"), "<html>\\n\\u{1b}[31m");
    assert_eq!(excerpt("é".repeat(500).as_bytes()).chars().count(), 80);
    assert_eq!(excerpt(b"\xff\xfe"), "\u{fffd}\u{fffd}");
    assert_eq!(excerpt(b""), "");
}
