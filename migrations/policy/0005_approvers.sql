-- Everyone who approved, and what each could do when they signed, as bits, 1 shifted by the role's
-- number: a document may want more than one, or those of one role. What was told before says neither,
-- so it lets nothing through any more.
ALTER TABLE approval
	ADD approvers text[] NOT NULL DEFAULT '{}',
	ADD approver_roles integer[] NOT NULL DEFAULT '{}';
