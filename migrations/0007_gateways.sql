CREATE TABLE `disputes` (
	`provider` text NOT NULL,
	`gateway_ref` text NOT NULL,
	`payment_id` text NOT NULL,
	`status` text NOT NULL,
	`amount` integer NOT NULL,
	`currency` text NOT NULL,
	`reason` text,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`provider`, `gateway_ref`),
	FOREIGN KEY (`payment_id`) REFERENCES `payments`(`id`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "disputes_amount" CHECK(amount > 0)
);
--> statement-breakpoint
CREATE INDEX `disputes_payment` ON `disputes` (`payment_id`,`created_at`);--> statement-breakpoint
DROP TABLE `product_tags`;--> statement-breakpoint
ALTER TABLE `payments` ADD `disputed_amount` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `payments` ADD `fee_amount` integer;--> statement-breakpoint
ALTER TABLE `payments` ADD `capture_ref` text;--> statement-breakpoint
ALTER TABLE `payments` ADD `return_url` text;--> statement-breakpoint
ALTER TABLE `payments` ADD `return_token` text;--> statement-breakpoint
CREATE UNIQUE INDEX `payments_capture_ref` ON `payments` (`provider`,`capture_ref`);--> statement-breakpoint
CREATE UNIQUE INDEX `payments_return_token` ON `payments` (`return_token`);