//! Pickles of every protocol and writer.

use dlc::data::{Array, Elements, Value, pickle};

use crate::{golden, gunzip, mnist};

/// Compares with the formula of `index.json`.
fn check(value: Value, name: &str, x_dtype: &str, y_dtype: &str) {
    let sets = value.items().unwrap_or_else(|| panic!("{name}: neither tuple nor list")).to_vec();
    assert_eq!(sets.len(), 3);
    for (s, (set, rows)) in sets.into_iter().zip([5usize, 3, 2]).enumerate() {
        let [x, y]: [Value; 2] = set.items().unwrap().to_vec().try_into().unwrap();
        if y_dtype == "list" {
            assert!(matches!(y, Value::List(_)));
        }
        let (x, y) = (x.into_array().unwrap(), y.into_array().unwrap());
        assert_eq!((x.shape.as_slice(), x.dtype_name()), (&[rows, 784][..], x_dtype), "{name}");
        assert_eq!(y.shape, [rows], "{name}");
        if y_dtype != "list" {
            assert_eq!(y.dtype_name(), y_dtype, "{name}");
        }
        for (i, &value) in x.to_f64().iter().enumerate() {
            assert_eq!(value, ((37 * i + 11 * s) % 256) as f64 / 256.0, "{name} set {s} element {i}");
        }
        let labels: Vec<i32> = (0..rows).map(|r| ((3 * r + s) % 10) as i32).collect();
        assert_eq!(y.to_i32().unwrap(), labels, "{name}");
    }
}

#[test]
fn all_recorded_pickles_hold_the_same() {
    let index = std::fs::read_to_string(golden("pickle/index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let files = index["files"].as_object().unwrap();
    assert_eq!(files.len(), 26);
    for (name, about) in files {
        let path = golden("pickle").join(name);
        let (x, y) = (about["x"]["dtype"].as_str().unwrap(), about["y"].as_str().unwrap());
        // index.json writes big-endian types as `>f4`; what is read is in the machine's own order.
        let native = |dtype: &str| match dtype {
            ">f4" => "float32".to_string(),
            ">i8" => "int64".to_string(),
            other => other.to_string(),
        };
        check(
            pickle::read(&path, false).unwrap_or_else(|e| panic!("{name}: {e}")),
            name,
            &native(x),
            &native(y),
        );
        // The same without gzip, under the name of a gzip file.
        check(pickle::parse(&gunzip(&path), name).unwrap(), name, &native(x), &native(y));
    }
}

#[test]
fn shapes_of_a_pickle() {
    let shapes = pickle::shape(&golden("pickle/proto4.pkl.gz")).unwrap();
    assert_eq!(shapes[0], ("0.0".to_string(), vec![5, 784]));
    assert_eq!(shapes[5], ("2.1".to_string(), vec![2]));
    let lists = pickle::shape(&golden("pickle/py2_proto2_lists.pkl.gz")).unwrap();
    assert_eq!(lists[1], ("0.1".to_string(), vec![5]));
}

/// What Python 2 writes for an array, as far as a reader can tell.
fn emit(out: &mut Vec<u8>, letters: &str, shape: &[usize], data: &[u8]) {
    out.extend(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(");
    for &n in shape {
        out.push(b'J');
        out.extend((n as u32).to_le_bytes());
    }
    out.extend(b"tcnumpy\ndtype\n(U\x02");
    out.extend(letters.as_bytes());
    out.extend(b"K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T");
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    out.extend(b"tb");
}

/// The classic file, made here of the IDX files: pixels / 256 as float32, labels as int64.
#[test]
fn c073_the_classic_data_set_as_python_2_writes_it() {
    let images = dlc::data::idx::read(&mnist("train-images-idx3-ubyte.gz"), false)
        .unwrap()
        .slice_first(0..300)
        .unwrap();
    let labels = dlc::data::idx::read(&mnist("train-labels-idx1-ubyte.gz"), false)
        .unwrap()
        .slice_first(0..300)
        .unwrap();
    let pixels: Vec<u8> = images.to_f32().iter().flat_map(|p| (p / 256.0).to_le_bytes()).collect();
    let classes: Vec<u8> = labels.to_f64().iter().flat_map(|&l| (l as i64).to_le_bytes()).collect();
    let mut bytes = b"\x80\x02(".to_vec();
    for (from, to) in [(0, 200), (200, 250), (250, 300)] {
        emit(&mut bytes, "f4", &[to - from, 784], &pixels[from * 784 * 4..to * 784 * 4]);
        emit(&mut bytes, "i8", &[to - from], &classes[from * 8..to * 8]);
        bytes.push(0x86);
    }
    bytes.extend(b"t.");
    for bytes in [crate::gzip(&bytes), bytes] {
        let arrays = pickle::arrays(pickle::parse(&bytes, "mnist.pkl").unwrap());
        let names: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["0.0", "0.1", "1.0", "1.1", "2.0", "2.1"]);
        let (x, y) = (&arrays[0].1, &arrays[1].1);
        assert_eq!(
            (x.shape.as_slice(), x.dtype_name(), y.dtype_name()),
            (&[200, 784][..], "float32", "int64")
        );
        assert_eq!(x.to_f64().iter().copied().fold(0.0, f64::max), 0.99609375);
        assert_eq!(x.to_f64()[..784].iter().sum::<f64>(), 107.51953125);
        assert_eq!(y.to_i32().unwrap()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    }
}

fn parsed(bytes: &[u8]) -> Value {
    pickle::parse(bytes, "x.pkl").unwrap()
}

fn refused(bytes: &[u8]) -> String {
    let error = pickle::parse(bytes, "x.pkl").unwrap_err();
    format!("{:?} {error}", error.code)
}

#[test]
fn plain_containers() {
    // pickle.dumps({"a": [1, -2, 2.5, True, None], "b": (b"\xff", "é")}, 4)
    let dict = b"\x80\x04}(\x8c\x01a](K\x01J\xfe\xff\xff\xffG@\x04\x00\x00\x00\x00\x00\x00\x88Ne\x8c\x01bC\x01\xff\x8c\x02\xc3\xa9\x86u.";
    let list = vec![Value::Int(1), Value::Int(-2), Value::Float(2.5), Value::Bool(true), Value::None];
    let pair = vec![Value::Bytes(vec![0xff]), Value::Text("é".into())];
    assert_eq!(
        parsed(dict),
        Value::Dict(vec![
            (Value::Text("a".into()), Value::List(list)),
            (Value::Text("b".into()), Value::Tuple(pair))
        ])
    );
    // Protocol 0.
    assert_eq!(
        parsed(b"(lp0\nI1\naL-70000000000L\naF1.5\naI01\naVna\\u00efve \xe9\nap1\nS'it\\'s \\x41\\101'\na."),
        Value::List(vec![
            Value::Int(1),
            Value::Int(-70_000_000_000),
            Value::Float(1.5),
            Value::Bool(true),
            Value::Text("naïve é".into()),
            Value::Text("it's AA".into())
        ])
    );
    assert_eq!(parsed(b"\x80\x02\x8a\x02\xe8\x03."), Value::Int(1000));
    assert_eq!(parsed(b"\x80\x02\x8a\x00."), Value::Int(0));
    assert_eq!(parsed(b"\x80\x02\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff."), Value::Int(-1));
    assert!(refused(b"\x80\x02\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00.").contains("64 bits"));
}

#[test]
fn the_memo_keeps_the_object_not_its_first_state() {
    // a = []; b = [a, a]; a.append(1) after both references were made.
    assert_eq!(
        parsed(b"](]q\x00h\x00eh\x00K\x01a0."),
        Value::List(vec![Value::List(vec![Value::Int(1)]), Value::List(vec![Value::Int(1)])])
    );
    // A shared tuple that holds the only reference to a list.
    let inner = Value::Tuple(vec![Value::List(vec![Value::Int(7)])]);
    assert_eq!(parsed(b"(]K\x07a\x85q\x00h\x00t."), Value::Tuple(vec![inner.clone(), inner]));
}

#[test]
fn one_numpy_number() {
    let scalar = b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\x02f8K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tbU\x08\x00\x00\x00\x00\x00\x00\xf8\x3ftR.";
    assert_eq!(parsed(scalar), Value::Float(1.5));
}

#[test]
fn other_names_are_refused_by_name() {
    let system = refused(b"cos\nsystem\n(S'echo hi'\ntR.");
    assert!(system.contains("DL0704"), "{system}");
    assert!(system.contains("this pickle asks Python to load `os.system`"), "{system}");
    assert!(system.contains("at byte 0"), "{system}");
    assert!(refused(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.").contains("`builtins.eval`"));
    assert!(refused(b"(ios\nsystem\n.").contains("`os.system`"));
    assert!(refused(b"\x80\x02cnumpy\nload\n.").contains("`numpy.load`"));
    assert!(refused(b"\x80\x02cnumpy.core.multiarray\ndtype\n.").contains("`numpy.core.multiarray.dtype`"));
    assert!(refused(b"\x80\x02]]\x81.").contains("an object of a class"));
    assert!(refused(b"\x80\x04\x8f.").contains("a set"));
    assert!(refused(b"\x80\x02K\x01Q.").contains("outside it"));
    let long = [b"c".to_vec(), vec![b'a'; 100_000], b"\nx\n.".to_vec()].concat();
    assert!(refused(&long).len() < 400);
}

#[test]
fn arrays_that_are_no_plain_numbers_are_refused() {
    let mut objects = b"\x80\x02".to_vec();
    emit(&mut objects, "O8", &[1], &[0; 8]);
    objects.push(b'.');
    assert!(refused(&objects).contains("dtype `O8`, which is not supported"));
    let mut short = b"\x80\x02".to_vec();
    emit(&mut short, "f4", &[3], &[0; 8]);
    short.push(b'.');
    assert!(refused(&short).contains("takes 12 bytes, there are 8"));
}

#[test]
fn a_file_that_is_no_pickle_is_named() {
    assert!(refused(b"\x93NUMPY\x01\x00").contains("not a pickle but an .npy file"));
    assert!(refused(b"").contains("an empty file"));
    assert!(refused(b"<html>").contains("HTML"));
    let array = Array::new(vec![1], Elements::U8(vec![1])).unwrap();
    assert_eq!(pickle::arrays(Value::Array(array.clone().into())), [(String::new(), array)]);
}

/// `{"a": [1, -2, 2.5, True, None, 10**12], "b": (b"\xff", "é"), "c": [[1, 2], [3, 4]]}` by Python 3.
#[test]
fn every_protocol_of_one_value() {
    let seeds = crate::root().join("fuzz/corpus/pickle");
    let value = |protocol: u32| pickle::read(&seeds.join(format!("plain{protocol}")), false).unwrap();
    let last = value(5);
    assert_eq!(last.entry("b"), Some(&Value::Tuple(vec![Value::Bytes(vec![0xff]), Value::Text("é".into())])));
    assert_eq!(last.entry("a").and_then(|a| a.items()?.last().cloned()), Some(Value::Int(1_000_000_000_000)));
    let c = last.entry("c").unwrap().clone().into_array().unwrap();
    assert_eq!((c.shape, c.data), (vec![2, 2], Elements::I64(vec![1, 2, 3, 4])));
    for protocol in 0..5 {
        assert_eq!(value(protocol), last, "protocol {protocol}");
    }
}
