//! Chats: what of config.toml is about files in them.

use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;

/// Of one file. What is larger has better places than a chat.
const FILE_MIB_MAX: usize = 1024;

/// A pebibyte.
const MIB_MAX: usize = 1 << 30;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChatFile {
    file_mib_max: usize,
    user_files_mib_max: usize,
    files_mib_max: usize,
    file_days: usize,
}

/// What is kept of files in chats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatConfig {
    /// None: there are no files.
    pub files: Option<FileSizes>,
    /// How long files are kept: whole days.
    pub files_last: Duration,
}

/// How many bytes files may have: each no more than the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSizes {
    pub one: u64,
    pub of_user: u64,
    pub all: u64,
}

impl ChatFile {
    pub(super) fn check(self) -> Result<ChatConfig, ConfigError> {
        let wrong = |key, value: usize, expected| ConfigError::Value {
            key,
            value: value.to_string(),
            expected,
        };
        if !(1..=3650).contains(&self.file_days) {
            return Err(wrong("chat.file_days", self.file_days, "1 to 3650 days"));
        }
        let files_last = Duration::from_secs(86_400 * self.file_days as u64);
        if self.file_mib_max == 0 {
            return Ok(ChatConfig { files: None, files_last });
        }
        if self.file_mib_max > FILE_MIB_MAX {
            let expected = "0 for no files, or up to 1024 mebibytes";
            return Err(wrong("chat.file_mib_max", self.file_mib_max, expected));
        }
        if !(self.file_mib_max..=MIB_MAX).contains(&self.user_files_mib_max) {
            let expected = "at least chat.file_mib_max, and up to 1073741824 mebibytes";
            return Err(wrong("chat.user_files_mib_max", self.user_files_mib_max, expected));
        }
        if !(self.user_files_mib_max..=MIB_MAX).contains(&self.files_mib_max) {
            let expected = "at least chat.user_files_mib_max, and up to 1073741824 mebibytes";
            return Err(wrong("chat.files_mib_max", self.files_mib_max, expected));
        }
        let bytes = |mib: usize| (mib as u64) << 20;
        Ok(ChatConfig {
            files: Some(FileSizes {
                one: bytes(self.file_mib_max),
                of_user: bytes(self.user_files_mib_max),
                all: bytes(self.files_mib_max),
            }),
            files_last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        file_mib_max: usize,
        user_files_mib_max: usize,
        files_mib_max: usize,
        file_days: usize,
    ) -> Result<ChatConfig, String> {
        let typed = ChatFile {
            file_mib_max,
            user_files_mib_max,
            files_mib_max,
            file_days,
        };
        typed.check().map_err(|error| error.to_string())
    }

    #[test]
    fn sizes_hold_each_other() {
        let fine = check(1, 2, 3, 4).expect("it is fine");
        let sizes = FileSizes {
            one: 1 << 20,
            of_user: 2 << 20,
            all: 3 << 20,
        };
        assert_eq!((fine.files, fine.files_last), (Some(sizes), Duration::from_secs(4 * 86_400)));
        assert_eq!(check(0, 0, 0, 1).expect("it is fine").files, None);
        for (typed, key) in [
            (check(2000, 2000, 2000, 1), "chat.file_mib_max"),
            (check(5, 4, 5, 1), "chat.user_files_mib_max"),
            (check(5, 6, 5, 1), "chat.files_mib_max"),
            (check(5, 6, 7, 0), "chat.file_days"),
        ] {
            let refused = typed.expect_err(key);
            assert!(refused.starts_with(key), "{refused}");
        }
    }
}
