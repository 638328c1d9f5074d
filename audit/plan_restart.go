package audit

import (
	"cmp"
	"fmt"
	"net"
	"slices"

	"certaudit/audit/inventory"
)

// restartOrder is that in which components are restarted: those first on which the
// others depend, the kubelet last.
var restartOrder = []string{inventory.Etcd, inventory.APIServer, inventory.ControllerManager, inventory.Scheduler, inventory.Proxy, inventory.Kubelet}

// stopContainers stops the containers of a name, which the kubelet starts again. It
// needs no API server, and a terminal that goes away between leaves nothing undone.
const stopContainers = `stop() { if command -v crictl > /dev/null; then for c in $(crictl ps -q --name "^$1\$"); do crictl stop "$c" > /dev/null; done; else for c in $(docker ps -q --filter "name=k8s_$1_"); do docker stop "$c" > /dev/null; done; fi; }`

// restartAll adds the restarts, each once, and waits for what was restarted.
func (p *planner) restartAll(all work) {
	slices.SortFunc(p.restarts, func(a, b string) int {
		return cmp.Compare(slices.Index(restartOrder, a), slices.Index(restartOrder, b))
	})
	if p.reload {
		p.add(PhaseRestart, all, "have systemd read its units again", "systemctl daemon-reload")
	}
	for _, name := range p.restarts {
		c, ok := p.inv.Component(name)
		of := work{findings: append([]string{}, p.restarted[name]...)}
		switch {
		case slices.Contains(p.unsettled, name):
			p.add(PhaseAsk, of, settle(name).ask)
		case ok && inventory.IsProcess(c.Origin.Path):
			p.add(PhaseRestart, of, fmt.Sprintf("restart %s, process %d, by what started it: no file of the node says what that is", name, c.PID))
		case name == inventory.Kubelet:
			p.add(PhaseRestart, of, "restart the kubelet", restartCommand(c, name))
		case !ok:
		case p.isStatic(c):
			p.add(PhaseLook, all, "see that containers can be stopped", "command -v crictl > /dev/null || command -v docker > /dev/null")
			p.add(PhaseRestart, of, "restart "+name, stopContainers, "stop "+name)
		case c.Unit != "" && quotable(unitName(c, name)):
			p.add(PhaseRestart, of, "restart "+name, restartCommand(c, name))
		}
	}
	_, server := p.inv.Component(inventory.APIServer)
	if server && (slices.Contains(p.restarts, inventory.APIServer) || slices.Contains(p.restarts, inventory.Etcd)) {
		p.needs("curl")
		address := net.JoinHostPort(cmp.Or(p.inv.AdvertiseAddress(), "127.0.0.1"), cmp.Or(p.inv.Setting(inventory.APIServer, "secure-port").Value, "6443"))
		title := "wait until the API server is ready, and etcd behind it"
		if len(otherMembers(p.inv)) > 0 {
			title += ", before anything is done on another control-plane node"
		}
		p.add(PhaseWait, all, title,
			"i=0; until curl -sk -m 5 "+words("https://"+address+"/readyz")+` | grep -qE '^ok$|"code": *40[13]'; do i=$((i+1)); [ $i -lt 60 ]; sleep 5; done`)
	}
}
