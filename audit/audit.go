// Package audit holds what a node has against the requirement table, and says
// what is not as it should be.
//
// It is pure: [Run] gives the same [Result] for the same inventories, policy and
// time. What is there is read by the package inventory.
package audit
