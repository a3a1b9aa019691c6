//! The engine from outside: the suite of all engines, on a simulated and on a real drive.

mod conformance;
mod damage;
mod faults;
mod support;
mod worlds;
