//! For tests only: recorded upstreams, tiny random models, a whole house on port 0.
