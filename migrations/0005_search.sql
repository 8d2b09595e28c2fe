CREATE TABLE `synonym_phrases` (
	`phrase` text NOT NULL,
	`synonym_id` text NOT NULL,
	PRIMARY KEY(`phrase`, `synonym_id`),
	FOREIGN KEY (`synonym_id`) REFERENCES `synonyms`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `synonym_phrases_synonym` ON `synonym_phrases` (`synonym_id`);--> statement-breakpoint
CREATE TABLE `synonyms` (
	`id` text PRIMARY KEY NOT NULL,
	`source` text,
	`terms` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `synonyms_created` ON `synonyms` (`created_at`,`id`);