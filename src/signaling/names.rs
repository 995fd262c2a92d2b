//! Display names: what is left of one after everything that could mislead a reader is taken out.

/// Characters in a name.
pub const NAME_CHARS_MAX: usize = 64;

/// Without control characters and characters that turn or hide text, without white space around, at most [`NAME_CHARS_MAX`] long.
pub fn clean_name(name: &str) -> String {
    let visible: String = name
        .chars()
        .map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c })
        .filter(|&c| !c.is_control() && !misleads(c))
        .collect();
    let short: String = visible.trim().chars().take(NAME_CHARS_MAX).collect();
    short.trim_end().to_owned()
}

/// Bidirectional controls (Unicode Standard Annex 9), line separators, and characters that have no width. The zero-width joiner and
/// non-joiner stay: emoji and several scripts need them, and the length is bounded.
fn misleads(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // bidirectional
        | '\u{2028}' | '\u{2029}' // separators
        | '\u{00ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{feff}' // no width
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' // annotations, tags
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_cleaned() {
        for (typed, shown) in [
            ("Ada", "Ada"),
            ("  Ada  Lovelace \n", "Ada  Lovelace"),
            ("", ""),
            (" \t ", ""),
            ("\u{202e}adA", "adA"),
            ("A\u{200b}d\u{0}a\u{7f}", "Ada"),
            ("Ada\nLovelace", "Ada Lovelace"),
            ("العربية", "العربية"),
            ("👩\u{200d}🚀", "👩\u{200d}🚀"),
            ("\u{feff}\u{2066}x\u{2069}", "x"),
        ] {
            assert_eq!(clean_name(typed), shown, "{typed:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(clean_name(&"é".repeat(200)), "é".repeat(NAME_CHARS_MAX));
        assert_eq!(clean_name(&format!("{} x", "a".repeat(63))), "a".repeat(63));
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(name in ".*") {
            let once = clean_name(&name);
            prop_assert!(once.chars().count() <= NAME_CHARS_MAX);
            prop_assert_eq!(clean_name(&once), once);
        }
    }
}
