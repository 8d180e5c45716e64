//! `save` and `load`: places in a file, each under its path; `write_png`, `write_curves`.

use crate::data::{self, Array, DataError, Elements, picture};
use crate::diag::codes;
use crate::ir::{Buffer, Module, Tensor};
use crate::program::PlaceId;
use crate::runtime::{raw, view};
use std::path::{Component, Path, PathBuf};

/// Writes places under the run's folder, atomically.
pub fn save(out: &Path, name: &str, module: &Module, values: &[(PlaceId, Tensor)]) -> Result<(), DataError> {
    let path = ready(out, name)?;
    let array = |(place, tensor): &(PlaceId, Tensor)| (module.places[*place].name.to_string(), array(tensor));
    let arrays: Vec<(String, Array)> = values.iter().map(array).collect();
    data::write_arrays(&path, &arrays)
}

/// Writes a tensor as a picture under the run's folder, atomically.
pub fn write_png(out: &Path, name: &str, tensor: &Tensor) -> Result<(), DataError> {
    picture::write(&ready(out, name)?, &tensor.ty.shape, &tensor.as_f64s())
}

/// Writes a drawing under the run's folder, atomically.
pub fn write_svg(out: &Path, name: &str, drawing: &str) -> Result<(), DataError> {
    let path = ready(out, name)?;
    if path.extension().is_none_or(|ending| ending != "svg") {
        let error = DataError::cannot_write(&path, drawing.len() as u64, "curves are drawn as SVG");
        return Err(error.help("a name that ends in .svg"));
    }
    data::write_atomically(&path, drawing.as_bytes())
}

/// A path under the run's folder, whose folders are there.
fn ready(out: &Path, name: &str) -> Result<PathBuf, DataError> {
    let path = inside(out, name)?;
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|reason| {
            DataError::cannot_write(folder, 0, format!("the folder is not there: {reason}"))
        })?;
    }
    Ok(path)
}

/// Reads places from a file: the run's folder first, then where data are looked for. All are
/// checked before any is given.
pub fn load(
    folders: &[&Path],
    name: &str,
    module: &Module,
    places: &[PlaceId],
) -> Result<Vec<Tensor>, DataError> {
    let path = raw::find(folders, name)?;
    let arrays = data::read_arrays(&path)?;
    places.iter().map(|place| one(&path, &arrays, module, *place)).collect()
}

fn one(
    path: &Path,
    arrays: &[(String, Array)],
    module: &Module,
    place: PlaceId,
) -> Result<Tensor, DataError> {
    let declared = &module.places[place];
    let found = arrays.iter().find(|(name, _)| *name == *declared.name);
    let Some((name, array)) = found else {
        let names: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
        let title = format!("{} has no `{}`", path.display(), declared.name);
        return Err(DataError::new(codes::DATA_FORMAT, title).note(format!("it has {}", names.join(", "))));
    };
    let shape = &declared.ty.shape;
    if array.shape != *shape {
        let title = format!("{} holds a {name} of another shape", path.display());
        return Err(DataError::new(codes::DATA_SHAPE, title)
            .note(format!("{name} is declared {shape:?}, the file holds {:?}", array.shape)));
    }
    let data = view::converted(&array.data, declared.ty.dtype);
    let data = data.map_err(|error| error.note(format!("{name} in {}", path.display())))?;
    Ok(Tensor::new(shape.clone(), data))
}

/// A path under the run's folder; others are refused.
fn inside(out: &Path, name: &str) -> Result<PathBuf, DataError> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if name.is_empty() || !Path::new(name).components().all(plain) {
        let title = format!("{name} does not lie under the run's folder");
        return Err(DataError::new(codes::OUTPUT, title).help("a plain name; --out says where it goes"));
    }
    Ok(out.join(name))
}

fn array(tensor: &Tensor) -> Array {
    let data = match &*tensor.data {
        Buffer::F32(v) => Elements::F32(v.clone()),
        Buffer::F64(v) => Elements::F64(v.clone()),
        Buffer::I32(v) => Elements::I32(v.clone()),
        Buffer::Bool(v) => Elements::Bool(v.clone()),
    };
    Array { shape: tensor.ty.shape.clone(), data }
}
