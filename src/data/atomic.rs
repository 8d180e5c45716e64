//! Writing a file so that its name stands for the old content or the new, never for a part.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::data::DataError;

/// Writes `bytes` to `path`. If that fails, a previous file is as it was and nothing is left behind.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    write_atomically_with(path, bytes.len() as u64, |file| file.write_all(bytes))
}

/// The same with `bytes` bytes that `write` writes one after another, so that they need not be in memory at once.
pub fn write_atomically_with(
    path: &Path,
    bytes: u64,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), DataError> {
    replace(path, write).map_err(|reason| {
        let error = DataError::cannot_write(path, bytes, &reason);
        let error = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => error.note("the previous file is kept as it was"),
            _ => error,
        };
        match reason.kind() {
            io::ErrorKind::NotFound => error.help("the folder does not exist; create it first"),
            io::ErrorKind::IsADirectory => error.help("that is a folder; name a file in it"),
            _ => error,
        }
    })
}

fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    // Through a link: the file it points at is replaced, the link stays.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let permissions = match fs::metadata(&target) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        // A device or pipe has no content to keep, and a file must not take its place.
        Ok(metadata) if !metadata.is_file() => {
            return write(&mut OpenOptions::new().write(true).open(&target)?);
        }
        Ok(metadata) if metadata.permissions().readonly() => {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(metadata) => Some(metadata.permissions()),
        Err(_) => None,
    };
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    // Dropping the temporary file on any way out removes it.
    let mut temporary = temporary_in(&folder)?;
    write(temporary.as_file_mut())?;
    if let Some(permissions) = permissions {
        temporary.as_file().set_permissions(permissions)?;
    }
    // Without this a power cut could leave the new name on unwritten blocks.
    temporary.as_file().sync_all()?;
    temporary.persist(&target).map_err(|error| error.error)?;
    #[cfg(unix)]
    if let Ok(folder) = File::open(&folder) {
        // The rename itself; some file systems cannot, and the content is safe either way.
        let _ = folder.sync_all();
    }
    Ok(())
}

/// A file that others may read as any the user makes, unlike the default of temporary files.
fn temporary_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".dlc-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    // The library adds the temporary path to the system's reason, which says nothing to users.
    builder.tempfile_in(folder).map_err(|error| {
        let text = error.to_string();
        let reason = text.rsplit_once(" at path ").map_or(text.as_str(), |(reason, _)| reason);
        io::Error::new(error.kind(), reason.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_write_that_breaks_off_keeps_the_previous_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npz");
        write_atomically(&path, b"first").unwrap();
        let broken = replace(&path, |file| {
            file.write_all(b"sec")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(broken.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(entries(folder.path()), ["x.npz"]);
        write_atomically(&path, b"third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(entries(folder.path()), ["x.npz"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, b"old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_atomically(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
