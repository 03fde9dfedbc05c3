//! The promise: tables come by themselves, and nobody else's are touched.
