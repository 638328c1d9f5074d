package audit

import (
	"testing"

	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// Gathered are the inventories of nodes, each written into a folder of its own.
func Gathered(t testing.TB, nodes ...fixtures.Node) []*inventory.Inventory {
	t.Helper()
	var inventories []*inventory.Inventory
	for _, n := range nodes {
		dir := t.TempDir()
		if err := n.Write(dir); err != nil {
			t.Fatal(err)
		}
		inv, err := inventory.Gather(dir)
		if err != nil {
			t.Fatal(err)
		}
		inventories = append(inventories, inv)
	}
	return inventories
}
