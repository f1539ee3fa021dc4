//! The OpenAI-compatible wire: strict parse, limits, SSE in and out, and the Exchange door.
