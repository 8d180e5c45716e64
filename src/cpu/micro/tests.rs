//! Every product on every instruction set against the contract written as a loop, bit for bit.
