//! The operator's own certificate (D): taken again when its files change, or when SIGHUP says so.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::certificate::Certificate;
use super::shelf::Shelf;
use crate::config::CertificateFiles;

/// How often the files are looked at. Two `stat` calls; the kernel's notices do not reach through every mount and symbolic link.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// What tells one version of the two files from another, through symbolic links; `None` where one is missing.
type Stamp = [Option<[u64; 5]>; 2];

fn stamp(files: &CertificateFiles) -> Stamp {
    let of = |path: &Path| {
        let found = fs::metadata(path).ok()?;
        Some([
            found.dev(),
            found.ino(),
            found.mtime() as u64,
            found.mtime_nsec() as u64,
            found.len(),
        ])
    };
    [of(&files.certificate), of(&files.key)]
}

/// When to take files again: they differ from those that were tried last, and stood still for one interval. Whoever renews writes
/// the certificate first and the key a moment later; in between they do not fit.
#[derive(Debug)]
struct Watch {
    tried: Stamp,
    seen: Stamp,
}

impl Watch {
    fn new(loaded: Stamp) -> Watch {
        Watch {
            tried: loaded,
            seen: loaded,
        }
    }

    /// Whether to try them.
    fn look(&mut self, stamp: Stamp) -> bool {
        let stands_still = self.seen == stamp;
        self.seen = stamp;
        let try_it = stands_still && self.tried != stamp;
        if try_it {
            self.tried = stamp;
        }
        try_it
    }

    /// They are tried in any case.
    fn skip(&mut self, stamp: Stamp) {
        *self = Watch::new(stamp);
    }
}

/// Follows the files for as long as it is polled. A file that is broken is reported once, and the certificate in use stays.
pub async fn follow(files: CertificateFiles, shelf: Arc<Shelf>, nudge: Arc<Notify>) {
    let mut watch = Watch::new(stamp(&files));
    loop {
        let asked = tokio::time::timeout(LOOK_INTERVAL, nudge.notified()).await.is_ok();
        let found = stamp(&files);
        if asked {
            watch.skip(found);
        } else if !watch.look(found) {
            continue;
        }
        match Certificate::load(&files.certificate, &files.key) {
            Ok(certificate) => shelf.put(certificate),
            Err(error) => shelf.keep(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_tried_once_they_stand_still_and_only_once() {
        let version = |certificate: u64, key: u64| [Some([0, certificate, 0, 0, 0]), Some([0, key, 0, 0, 0])];
        let mut watch = Watch::new(version(1, 1));
        for (stamp, expected, why) in [
            (version(1, 1), false, "nothing changed"),
            (version(2, 1), false, "the certificate has just changed"),
            (version(2, 2), false, "and the key after it"),
            (version(2, 2), true, "both stood still"),
            (version(2, 2), false, "they were tried"),
            ([None, version(2, 2)[1]], false, "the certificate has just gone"),
            (version(3, 2), false, "it is another one"),
            (version(2, 2), false, "it is the old one again"),
            (version(2, 2), false, "which is in use"),
            ([None, None], false, "both have gone"),
            ([None, None], true, "which is said"),
            ([None, None], false, "once"),
        ] {
            assert_eq!(watch.look(stamp), expected, "{why}");
        }
        watch.look(version(4, 4));
        watch.skip(version(4, 4));
        assert!(!watch.look(version(4, 4)), "they were tried when SIGHUP came");
    }

    #[test]
    fn a_swapped_symbolic_link_is_another_version() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["one", "two"] {
            fs::write(path(name), "same length").expect("written");
        }
        std::os::unix::fs::symlink(path("one"), path("live")).expect("linked");
        let files = CertificateFiles {
            certificate: path("live"),
            key: path("live"),
        };
        let before = stamp(&files);
        std::os::unix::fs::symlink(path("two"), path("next")).expect("linked");
        fs::rename(path("next"), path("live")).expect("swapped");
        assert_ne!(stamp(&files), before);
    }
}
