// Package audit gathers what a node is configured with, holds it against the
// requirement table, and says what is not as it should be.
//
// [Gather] is the only place that reads a node's files. From the [Inventory] it
// returns on, everything is pure: [Run] gives the same [Result] for the same
// inventories, policy and time.
package audit
