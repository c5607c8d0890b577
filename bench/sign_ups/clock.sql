-- When a session read its clock, and the nanoseconds of processor time that it had used.
CREATE TABLE clock (at timestamptz, cpu bigint);
