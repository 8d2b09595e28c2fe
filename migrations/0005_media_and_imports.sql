CREATE TABLE `import_keys` (
	`import_id` text NOT NULL,
	`key` text NOT NULL,
	`line` integer NOT NULL,
	PRIMARY KEY(`import_id`, `key`)
);
--> statement-breakpoint
CREATE TABLE `import_lines` (
	`import_id` text NOT NULL,
	`line` integer NOT NULL,
	`record_id` text,
	`outcome` text NOT NULL,
	`said` text NOT NULL,
	PRIMARY KEY(`import_id`, `line`)
);
--> statement-breakpoint
CREATE INDEX `import_lines_outcome` ON `import_lines` (`import_id`,`outcome`,`line`);--> statement-breakpoint
CREATE TABLE `imports` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`status` text NOT NULL,
	`format` text NOT NULL,
	`mode` text NOT NULL,
	`dry_run` integer NOT NULL,
	`key` text NOT NULL,
	`bytes` integer NOT NULL,
	`delimiter` text NOT NULL,
	`columns` text NOT NULL,
	`position` integer NOT NULL,
	`line` integer NOT NULL,
	`created` integer NOT NULL,
	`updated` integer NOT NULL,
	`unchanged` integer NOT NULL,
	`skipped` integer NOT NULL,
	`failed` integer NOT NULL,
	`attempts` integer NOT NULL,
	`error` text,
	`actor` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	`finished_at` text
);
--> statement-breakpoint
CREATE INDEX `imports_created` ON `imports` (`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `loose_objects` (
	`key` text PRIMARY KEY NOT NULL,
	`reason` text NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `loose_objects_due` ON `loose_objects` (`reason`,`created_at`);--> statement-breakpoint
ALTER TABLE `media` ADD `kind` text DEFAULT 'image' NOT NULL;--> statement-breakpoint
ALTER TABLE `media` ADD `variant_id` text;--> statement-breakpoint
ALTER TABLE `media` ADD `width` integer;--> statement-breakpoint
ALTER TABLE `media` ADD `height` integer;