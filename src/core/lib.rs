//! What the app knows.
