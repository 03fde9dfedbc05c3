//! The bytes of everything that is stored, spelled out: whoever changes one breaks every journal.
