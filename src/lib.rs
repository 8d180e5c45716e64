//! `dlc`: a compiler for a small declarative language of neural networks.
