//! Written files come back, and a write that fails costs nothing.

use std::path::Path;

use dlc::data::{Array, Elements, read_arrays, write_arrays, write_atomically};

fn arrays() -> Vec<(String, Array)> {
    let array = |shape: &[usize], data| Array::new(shape.to_vec(), data).unwrap();
    vec![
        (
            "layer.W".into(),
            array(&[2, 3], Elements::F32(vec![1.0, -0.0, f32::MIN_POSITIVE, 4.5, f32::INFINITY, 6.0])),
        ),
        ("layer.b".into(), array(&[3], Elements::F64(vec![0.1, 1e300, -1.0]))),
        ("a".into(), array(&[2], Elements::I64(vec![i64::MIN, i64::MAX]))),
        ("u".into(), array(&[1], Elements::U64(vec![u64::MAX]))),
        ("s".into(), array(&[], Elements::I32(vec![-7]))),
        ("z".into(), array(&[0, 4], Elements::U8(vec![]))),
        ("t".into(), array(&[2, 1], Elements::Bool(vec![true, false]))),
        ("m".into(), array(&[2], Elements::I8(vec![-128, 127]))),
        ("i16".into(), array(&[1], Elements::I16(vec![-300]))),
        ("u16".into(), array(&[1], Elements::U16(vec![65535]))),
        ("u32".into(), array(&[1], Elements::U32(vec![u32::MAX]))),
    ]
}

fn names(folder: &Path) -> Vec<String> {
    let mut all: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    all.sort();
    all
}

#[test]
fn every_format_gives_the_arrays_back() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.npz", "x.safetensors", "x.pkl"] {
        let path = folder.path().join(name);
        write_arrays(&path, &arrays()).unwrap();
        let (mut found, mut want) = (read_arrays(&path).unwrap(), arrays());
        if name == "x.safetensors" {
            // The format orders arrays by the size of their elements.
            found.sort_by(|a, b| a.0.cmp(&b.0));
            want.sort_by(|a, b| a.0.cmp(&b.0));
        }
        assert_eq!(found, want, "{name}");
    }
    assert_eq!(names(folder.path()), ["x.npz", "x.pkl", "x.safetensors"]);
    assert_eq!(dlc::data::safetensors::shape(&folder.path().join("x.safetensors")).unwrap().len(), 11);
}

#[test]
fn an_unknown_extension_lists_the_known_ones() {
    for error in [write_arrays(Path::new("x.h5"), &[]).unwrap_err(), read_arrays(Path::new("x")).unwrap_err()]
    {
        assert!(error.to_string().contains(".npz, .safetensors or .pkl"), "{error}");
    }
    let twice = [arrays().remove(0), arrays().remove(0)];
    assert!(write_arrays(Path::new("x.npz"), &twice).unwrap_err().to_string().contains("two arrays"));
}

#[test]
fn c117_folders_and_missing_folders() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x.npz");
    std::fs::create_dir(&target).unwrap();
    let error = write_arrays(&target, &arrays()).unwrap_err();
    assert_eq!(format!("{:?}", error.code), "DL0706");
    assert!(error.to_string().contains("x.npz") && error.to_string().contains("bytes were to be written"));
    assert!(error.to_string().contains("folder"), "{error}");
    let error = write_arrays(&folder.path().join("none/x.npz"), &arrays()).unwrap_err().to_string();
    assert!(error.contains("No such file or directory") && error.contains("create it first"), "{error}");
    assert_eq!(names(folder.path()), ["x.npz"]);
}

#[cfg(unix)]
#[test]
fn c117_a_read_only_folder_keeps_its_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    write_arrays(&path, &arrays()[..1]).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let result = write_arrays(&path, &arrays());
    // The super-user may write all the same; then the file is new and whole.
    let kept = if result.is_err() { 1 } else { arrays().len() };
    assert_eq!(read_arrays(&path).unwrap().len(), kept);
    if let Err(error) = result {
        assert!(error.to_string().contains("Permission denied"), "{error}");
        assert!(error.to_string().contains("kept as it was"), "{error}");
    }
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(names(folder.path()), ["x.npz"]);
}

#[cfg(unix)]
#[test]
fn c117_a_read_only_file_is_not_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    write_arrays(&path, &arrays()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    let error = write_arrays(&path, &[]).unwrap_err().to_string();
    assert!(error.contains("permission denied"), "{error}");
    assert_eq!(read_arrays(&path).unwrap(), arrays());
}

/// A full disk, and a folder where nobody can make a file.
#[cfg(target_os = "linux")]
#[test]
fn c117_a_full_device() {
    use std::os::unix::fs::FileTypeExt;
    let error = write_atomically(Path::new("/dev/full"), &[1; 5000]).unwrap_err().to_string();
    assert!(error.contains("No space left on device"), "{error}");
    assert!(error.contains("/dev/full") && error.contains("5000 bytes"), "{error}");
    // The device must still be one, not a file in its place.
    assert!(std::fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("x.npz");
    std::os::unix::fs::symlink("/dev/full", &link).unwrap();
    let error = write_arrays(&link, &arrays()).unwrap_err().to_string();
    assert!(error.contains("No space left on device"), "{error}");
    assert_eq!(names(folder.path()), ["x.npz"]);
    let error = write_atomically(Path::new("/proc/self/x.npz"), &[1]).unwrap_err().to_string();
    assert!(error.contains("cannot write /proc/self/x.npz: "), "{error}");
}
