//! The program as a whole: started, killed, started again.

mod crash;
mod program;
