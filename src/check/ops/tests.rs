//! Tests of the rules on a checker without a program.
