ALTER TABLE `payments` ADD `return_token` text;--> statement-breakpoint
CREATE UNIQUE INDEX `payments_return_token` ON `payments` (`return_token`);