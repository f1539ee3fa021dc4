//! Model servers: routes, health, replicas, retries; the only room that opens connections to models.
