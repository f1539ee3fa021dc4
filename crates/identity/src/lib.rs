//! Who is asking: API keys in their printed and stored form.
