//! Texts that people write to each other: what is left of one, and how long it may be.

/// Characters in a message.
pub const MESSAGE_CHARS_MAX: usize = 4000;

/// The same in bytes, before it is cleaned.
pub const MESSAGE_BYTES_MAX: usize = 4 * MESSAGE_CHARS_MAX;

/// Without control characters except ends of lines and tabs, without characters that turn the text around them, and without white
/// space around. Marks of direction and joiners stay: scripts need them.
pub fn clean_text(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let visible: String = lines.chars().filter(|&c| matches!(c, '\n' | '\t') || !misleads(c)).collect();
    visible.trim().to_owned()
}

/// Controls, overrides of direction (Unicode Standard Annex 9), and annotations.
fn misleads(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202d}' | '\u{202e}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_cleaned() {
        for (written, shown) in [
            ("Hello", "Hello"),
            ("  two\r\nlines\r \n", "two\nlines"),
            ("a\u{0}\u{7}\u{1b}[31mb\u{7f}\u{85}", "a[31mb"),
            ("x\u{202e}fdp.exe", "xfdp.exe"),
            ("\u{200f}שלום\u{200e}", "\u{200f}שלום\u{200e}"),
            (
                "👩\u{200d}🚀 🏴\u{e0067}\u{e0062}\u{e007f}",
                "👩\u{200d}🚀 🏴\u{e0067}\u{e0062}\u{e007f}",
            ),
            ("\ta\tb", "a\tb"),
            (" \n\u{0} \t", ""),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ] {
            assert_eq!(clean_text(written), shown, "{written:?}");
        }
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(text in "(?s).*") {
            let once = clean_text(&text);
            prop_assert!(once.len() <= text.len());
            prop_assert_eq!(clean_text(&once), once);
        }
    }
}
