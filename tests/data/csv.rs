//! Tables of numbers.

use dlc::data::csv::{parse, shape};

fn numbers(text: &str) -> (Vec<usize>, Vec<f64>) {
    let rows = parse(text.as_bytes(), "x.csv").unwrap().rows;
    (rows.shape.clone(), rows.to_f64())
}

fn message(text: &str) -> String {
    parse(text.as_bytes(), "x.csv").unwrap_err().to_string()
}

#[test]
fn c078_an_empty_cell_is_refused_with_its_place() {
    let error = message("6,,2,4,4,3\n2,0,3,8,7,6\n1,3,1,5,7,8\n");
    assert!(error.contains("row 1, column 2 is empty"), "{error}");
    let error = message("2,0,3,8,7,6\n1,3,1,5,7\n");
    assert!(error.contains("row 2 has 5 cells, 6 expected"), "{error}");
    assert!(message("1,2,\n3,4,\n").contains("row 1, column 3 is empty"));
    assert!(message("1\n\n3\n").contains("row 2, column 1 is empty"));
    assert!(message("x\n1\n\n3\n").contains("row 2, column 1 is empty"));
    assert!(message("1,2\n3,four\n").contains("row 2, column 2: `four` is not a number"));
    assert!(message("a,b\n1,2\n3,\n").contains("line 3 of the file"));
}

#[test]
fn the_forms_that_numbers_come_in() {
    let plain = (vec![2, 2], vec![1.0, 2.5, -3.0, 4e3]);
    for text in [
        "1,2.5\n-3,4e3",
        "1,2.5\r\n-3,4e3\r\n",
        "\"1\",\"2.5\"\n\"-3\",\"4e3\"\n\n",
        " 1 , 2.5\n -3,\t4e3\n",
        "1;2,5\n-3;4e3\n",
        "1\t2.5\n-3\t4000\n",
        "\u{feff}1,2.5\n-3,4e3\n",
        "a,b\n1,2.5\n-3,4e3\n",
    ] {
        assert_eq!(numbers(text), plain, "{text:?}");
    }
    assert_eq!(parse(b"a;b\n1;2\n", "x").unwrap().header, Some(vec!["a".into(), "b".into()]));
    assert_eq!(parse(b"1;2\n", "x").unwrap().header, None);
    assert!(numbers("1,nan\n").1[1].is_nan());
    assert_eq!(numbers("").0, [0, 0]);
    assert_eq!(numbers("a,b\n").0, [0, 2]);
}

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, crate::gzip(b"1,2,3\n4,5,6\n")).unwrap();
    assert_eq!(shape(&path).unwrap(), [2, 3]);
}
