//! The policy decision point: Cedar in, Decision out. The only room that knows Cedar.
