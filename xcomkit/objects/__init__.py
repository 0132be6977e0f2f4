"""What lies in the bucket: keys read as XComs, sums, and one object opened safely."""
