//! Where a library may lie, and that it is the one that was meant.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Write permission for the group or for all.
const OTHERS_WRITE: u32 = 0o022;
/// In such a folder nobody but its owner can take the place of a name.
const STICKY: u32 = 0o1000;

/// Whether only root can put another file in its place: it has all the rights of the hub.
pub(super) fn verify_place(path: &Path) -> Result<(), String> {
    if !path.is_absolute() {
        return Err("its path must begin at the root".to_owned());
    }
    let real = fs::canonicalize(path).map_err(|error| error.to_string())?;
    for (depth, place) in real.ancestors().enumerate() {
        let about = fs::metadata(place).map_err(|error| format!("{}: {error}", place.display()))?;
        if depth == 0 && !about.is_file() {
            return Err("it is no file".to_owned());
        }
        if let Some(who) = others(&about, depth > 1) {
            let place = place.display();
            return Err(format!(
                "{place} can be changed by {who}; it must belong to root and be writable by nobody else"
            ));
        }
    }
    Ok(())
}

/// Who but root can change it.
fn others(about: &Metadata, sticky_will_do: bool) -> Option<String> {
    if about.uid() != 0 {
        return Some(format!("its owner, the user {}", about.uid()));
    }
    let sticky = sticky_will_do && about.mode() & STICKY != 0;
    (about.mode() & OTHERS_WRITE != 0 && !sticky).then(|| "its group or by all".to_owned())
}

/// Whether it is the file that was meant.
pub(super) fn verify_digest(path: &Path, expected: &str) -> Result<(), String> {
    let found = digest(path)?;
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(format!("its SHA-256 is {found}, and the configuration has {expected}"))
}

/// The SHA-256 of a file.
pub(super) fn digest(path: &Path) -> Result<String, String> {
    let of = |mut file: File| -> io::Result<String> {
        let (mut digest, mut piece) = (Sha256::new(), vec![0; 1 << 18]);
        loop {
            match file.read(&mut piece)? {
                0 => break,
                read => digest.update(&piece[..read]),
            }
        }
        Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    };
    File::open(path).and_then(of).map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_library_lies_where_only_root_can_change_it() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("plugins");
        fs::create_dir(&below).unwrap();
        let file = below.join("lib.so");
        fs::write(&file, "x").unwrap();
        mode(&below, 0o755);
        mode(&file, 0o644);
        if fs::metadata(&file).unwrap().uid() != 0 {
            assert!(verify_place(&file).unwrap_err().contains("its owner"));
            return;
        }
        verify_place(&file).unwrap();
        for (place, wrong) in [(&file, 0o664), (&file, 0o666), (&below, 0o775), (&below, 0o1777)] {
            let right = fs::metadata(place).unwrap().mode();
            mode(place, wrong);
            let refused = verify_place(&file).unwrap_err();
            assert!(refused.starts_with(&format!("{} can be changed by its group", place.display())), "{refused}");
            mode(place, right);
        }
        verify_place(&file).unwrap();
        assert_eq!(verify_place(Path::new("lib.so")).unwrap_err(), "its path must begin at the root");
        assert_eq!(verify_place(&below).unwrap_err(), "it is no file");
        assert!(verify_place(&below.join("none")).unwrap_err().contains("No such file"));
    }

    #[test]
    fn another_file_than_the_one_that_was_meant_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lib.so");
        fs::write(&file, "abc").unwrap();
        let expected = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        verify_digest(&file, expected).unwrap();
        let refused = verify_digest(&file, "00").unwrap_err();
        assert_eq!(refused, format!("its SHA-256 is {}, and the configuration has 00", expected.to_lowercase()));
    }
}
