//! The outside face: TLS, HTTP, the pages; hands an Arrival to an Exchange.
