//! Names of people and of files: what is left of one after everything that could mislead a reader is taken out.

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

/// Characters in the name of a file.
pub const FILE_NAME_CHARS_MAX: usize = 120;

/// Of those, at most so many for what stands behind its last dot, which stays where the name is cut.
const EXTENSION_CHARS_MAX: usize = 16;

/// The name of a file without its path, as a [`clean_name`] is otherwise, and without what no system has in names. Never empty, and
/// never hidden.
pub fn clean_file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).find(|part| !part.trim().is_empty()).unwrap_or("");
    let visible: String = last
        .chars()
        .filter(|&c| !c.is_control() && !misleads(c))
        .map(|c| {
            if matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*') {
                '_'
            } else {
                c
            }
        })
        .collect();
    let ends = |c: char| c.is_whitespace() || c == '.';
    let name = visible.trim_matches(ends);
    let short = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.chars().count() <= EXTENSION_CHARS_MAX => {
            let left = FILE_NAME_CHARS_MAX - extension.chars().count() - 1;
            let stem: String = stem.chars().take(left).collect();
            format!("{stem}.{extension}")
        }
        _ => name.chars().take(FILE_NAME_CHARS_MAX).collect(),
    };
    match short.trim_matches(ends) {
        "" => "file".to_owned(),
        name => name.to_owned(),
    }
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

    #[test]
    fn names_of_files_lose_their_path_and_what_misleads() {
        for (typed, shown) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ada\\plan.txt", "plan.txt"),
            ("/", "file"),
            ("..", "file"),
            ("", "file"),
            (".bashrc", "bashrc"),
            ("a\u{202e}gpj.exe", "agpj.exe"),
            ("two\r\nlines\u{0}.png", "twolines.png"),
            ("a\";filename=b.html", "a_;filename=b.html"),
            ("<img src=x onerror=alert(1)>.png", "_img src=x onerror=alert(1)_.png"),
            ("name. . ", "name"),
            ("صورة.png", "صورة.png"),
        ] {
            assert_eq!(clean_file_name(typed), shown, "{typed:?}");
        }
        let long = clean_file_name(&format!("{}.pdf", "é".repeat(300)));
        assert_eq!(long, format!("{}.pdf", "é".repeat(FILE_NAME_CHARS_MAX - 4)));
    }

    proptest! {
        #[test]
        fn cleaning_a_file_name_twice_changes_nothing(name in "(?s).*|[a./\\\\ ]{0,300}") {
            let once = clean_file_name(&name);
            prop_assert!(!once.is_empty() && once.chars().count() <= FILE_NAME_CHARS_MAX);
            let misleads = ['/', '\\', '"', '\n', '\r', '\u{202e}'];
            prop_assert!(!once.contains(misleads) && !once.starts_with('.'), "{}", once);
            prop_assert_eq!(clean_file_name(&once), once);
        }

        #[test]
        fn cleaning_twice_changes_nothing(name in ".*") {
            let once = clean_name(&name);
            prop_assert!(once.chars().count() <= NAME_CHARS_MAX);
            prop_assert_eq!(clean_name(&once), once);
        }
    }
}
