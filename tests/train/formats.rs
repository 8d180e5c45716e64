//! Holes of strings against C's printf, and the shortest decimals.

use crate::build::*;
use dlc::ir::{Buffer, DType, Tensor};
use dlc::program::host::Style;
use dlc::train::format::{formatted, number, number32, tensor};

/// Value, `%.0f`, `%.2f`, `%.4f`, `%.2f%%` of 100 times it, `%.2e` (exponent without padding), as
/// the C library prints them.
#[allow(clippy::excessive_precision)]
const TABLE: &[(f64, [&str; 5])] = &[
    (0.075, ["0", "0.07", "0.0750", "7.50%", "7.50e-2"]),
    (0.5, ["0", "0.50", "0.5000", "50.00%", "5.00e-1"]),
    (1.5, ["2", "1.50", "1.5000", "150.00%", "1.50e0"]),
    (2.5, ["2", "2.50", "2.5000", "250.00%", "2.50e0"]),
    (0.125, ["0", "0.12", "0.1250", "12.50%", "1.25e-1"]),
    (0.375, ["0", "0.38", "0.3750", "37.50%", "3.75e-1"]),
    (1e-7, ["0", "0.00", "0.0000", "0.00%", "1.00e-7"]),
    (123456789.125, ["123456789", "123456789.12", "123456789.1250", "12345678912.50%", "1.23e8"]),
    (2.675, ["3", "2.67", "2.6750", "267.50%", "2.67e0"]),
    (1.005, ["1", "1.00", "1.0050", "100.50%", "1.00e0"]),
    (-0.5, ["-0", "-0.50", "-0.5000", "-50.00%", "-5.00e-1"]),
    (0.0005, ["0", "0.00", "0.0005", "0.05%", "5.00e-4"]),
    (0.00015, ["0", "0.00", "0.0001", "0.01%", "1.50e-4"]),
    (99.995, ["100", "100.00", "99.9950", "9999.50%", "1.00e2"]),
    (1.0 / 3.0, ["0", "0.33", "0.3333", "33.33%", "3.33e-1"]),
    (0.9999, ["1", "1.00", "0.9999", "99.99%", "1.00e0"]),
    (5e-324, ["0", "0.00", "0.0000", "0.00%", "4.94e-324"]),
    (
        1e22,
        [
            "10000000000000000000000",
            "10000000000000000000000.00",
            "10000000000000000000000.0000",
            "999999999999999983222784.00%",
            "1.00e22",
        ],
    ),
];

#[test]
fn digits_are_those_of_printf() {
    let forms = [
        digits(0, Style::Plain),
        digits(2, Style::Plain),
        digits(4, Style::Plain),
        digits(2, Style::Percent),
        digits(2, Style::Exponent),
    ];
    for (value, expected) in TABLE {
        for (form, text) in forms.iter().zip(expected) {
            assert_eq!(formatted(*value, *form), *text, "{value:?} as {form:?}");
        }
    }
}

#[test]
fn percentages_of_the_tutorials() {
    let form = digits(6, Style::Percent);
    assert_eq!(formatted(0.0750, form), "7.500000%");
    assert_eq!(formatted(1.0 / 60.0, form), "1.666667%");
    assert_eq!(formatted(0.0, form), "0.000000%");
}

#[test]
fn shortest_decimals_read_back() {
    for (value, text) in [
        (0.1, "0.1"),
        (5.0, "5"),
        (-0.0, "-0"),
        (1e-5, "0.00001"),
        (1e-6, "1e-6"),
        (123456.75, "123456.75"),
        (9007199254740993.0, "9007199254740992"),
        (1e16, "1e16"),
        (0.1 + 0.2, "0.30000000000000004"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
    ] {
        assert_eq!(number(value), text);
        if value.is_finite() {
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }
    assert_eq!(number32(0.1), "0.1");
    assert_eq!(formatted(0.25, dlc::program::host::Format { digits: None, style: Style::Percent }), "25%");
    assert_eq!(formatted(f64::NAN, digits(2, Style::Percent)), "nan%");
}

#[test]
fn tensors_print_whole_row_by_row() {
    let rows = Tensor::from_f64s(DType::F32, [2, 2], &[0.1, 1.0, -2.5, 1e-7]);
    assert_eq!(tensor(&rows, plain()), "[[0.1, 1],\n [-2.5, 1e-7]]");
    assert_eq!(tensor(&rows, digits(1, Style::Plain)), "[[0.1, 1.0],\n [-2.5, 0.0]]");
    let cube = Tensor::new([2, 1, 2], Buffer::I32(vec![1, 2, 3, 4]));
    assert_eq!(tensor(&cube, plain()), "[[[1, 2]],\n\n [[3, 4]]]");
    assert_eq!(tensor(&Tensor::new([0], Buffer::I32(vec![])), plain()), "[]");
    assert_eq!(tensor(&Tensor::new([2], Buffer::Bool(vec![true, false])), plain()), "[true, false]");
    assert_eq!(tensor(&Tensor::scalar(DType::F32, 0.1), plain()), "0.1");
}
