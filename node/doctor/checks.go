package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/node/work"
)

// table lists every check. Docs and tests are generated from it.
var table = []Check{
	{"home", "the node's home", "key, settings, sets and models are there; without it no verb works",
		"run 'distillmesh init', or set DISTILLMESH_PATH to the home's whole path", checkHome},
	{"home-permissions", "who may use the home",
		"whoever can read the key can speak as this node, and whoever can open the socket owns it",
		"run 'chmod 700' on the home and 'chmod 600' on its file identity", checkPermissions},
	{"identity", "the node's key", "announcements are signed by it; a lost key cannot withdraw what it announced",
		"bring the file identity back from a copy", checkIdentity},
	{"config", "the settings", "a wrong setting stops every verb, or is not what was meant",
		"correct config.toml or the variable named; 'distillmesh config show --origin' says where values come from",
		checkConfig},
	{"state", "what the node remembers", state.FileName + " lists joined tasks, registered data, which set was made " +
		"of which data, what was removed, and bytes moved; while it cannot be read no verb works",
		"bring the file back from a copy. Without one, move it away: key, sets and models stay; join tasks and register " +
			"data again with 'distillmesh data add PATH'", checkState},
	{"running", "whether a node runs", "only a running node meets peers, serves its sets and hears of others'",
		"run 'distillmesh run' in another shell, or as a service", checkRunning},
	{"peers", "connected peers", "a node without peers neither gets nor gives anything",
		"check that another node runs on this network, or give the address of one: 'distillmesh run --bootstrap ADDRESS'",
		checkPeers},
	{"peers-refused", "peers that were refused", "two nodes that refuse each other look like no node at all",
		"'distillmesh peers' says why; give both nodes the same mesh name and version", checkRefused},
	{operations.ProblemClock, "the clock beside those of peers",
		"announcements from a clock that is hours off are refused, without a line in any log",
		"set the clock, or turn on time synchronization", checkClock},
	{operations.ProblemCopy, "the same key on another node",
		"two nodes with one key take each other's announcements for their own, and both lose peers",
		"remove the copied home there, and run 'distillmesh init' for a new one", checkCopy},
	{operations.ProblemFiles, "how many files the process may open", "connections fail when the limit is met",
		"raise the hard limit, as with 'ulimit -n 4096' or LimitNOFILE=4096 in a systemd unit", checkFiles},
	{"store", "the store's size", "a full store fetches no more sets",
		"remove sets with 'distillmesh rm CID', or raise quota in [storage] of config.toml", checkStore},
	{"interrupted-work", "distillations and trainings that were interrupted",
		"their states take space until the same command finishes the work",
		"run the same command again to finish it, or delete the file while no command works on it", checkWork},
	{"device", "where distilling and training compute", "a device that is not there makes work fail or slow",
		"'distillmesh gpu ls' says what each lacks; without a GPU the processor computes", checkDevice},
}

func checkHome(f *Facts) Finding {
	if f.HomeErr != nil {
		return failed(f.HomeErr)
	}
	return Finding{State: OK, Seen: f.Home.Path}
}

func checkPermissions(f *Facts) Finding {
	switch {
	case f.HomeErr != nil:
		return withoutHome(f)
	case len(f.Mode) > 0:
		var open []string
		for _, name := range slices.Sorted(maps.Keys(f.Mode)) {
			open = append(open, name+" is "+f.Mode[name])
		}
		return Finding{State: Warning, Seen: "others may use it: " + strings.Join(open, ", ")}
	}
	return Finding{State: OK, Seen: "only its owner"}
}

func checkIdentity(f *Facts) Finding {
	switch {
	case f.HomeErr != nil:
		return withoutHome(f)
	case f.IDErr != nil && f.Mode["identity"] != "":
		return Finding{State: Error, Seen: "it is not used while others may read it",
			Fix: "run 'chmod 600 " + f.Home.File("identity") + "'"}
	case f.IDErr != nil:
		return failed(f.IDErr)
	}
	return Finding{State: OK, Seen: f.ID}
}

func checkConfig(f *Facts) Finding {
	switch {
	case f.HomeErr != nil:
		return withoutHome(f)
	case f.ConfigErr != nil:
		return failed(f.ConfigErr)
	}
	return Finding{State: OK, Seen: fmt.Sprintf("mesh %s, role %s", f.Config.Mesh.Name, f.Config.Mesh.Role)}
}

func checkState(f *Facts) Finding {
	switch {
	case f.HomeErr != nil:
		return withoutHome(f)
	case f.StateErr != nil:
		return failed(f.StateErr)
	}
	return Finding{State: OK, Seen: f.Home.File(state.FileName)}
}

func checkRunning(f *Facts) Finding {
	switch {
	case f.HomeErr != nil || f.ConfigErr != nil || f.IDErr != nil || f.Status == nil && f.StateErr != nil:
		return skipped("it could not start")
	case f.inUse() && f.running() > 0:
		return Finding{State: OK, Seen: "no node: a distillation or training uses the home while it runs"}
	case f.inUse():
		return Finding{State: Warning, Seen: "no node answers: a verb uses the home, or a node is starting",
			Fix: "wait until it is done. With 'distillmesh run' in another shell, verbs use the home at the same time"}
	case f.StatusErr != nil:
		return cannotOpen(f.StatusErr)
	case !f.Status.Running:
		return Finding{State: Warning, Seen: "no node runs on this home"}
	}
	return Finding{State: OK, Seen: fmt.Sprintf("as %s, for %.0f s", f.Status.Role, f.Status.Uptime)}
}

func checkPeers(f *Facts) Finding {
	switch {
	case f.Status == nil || !f.Status.Running:
		return skipped("no node runs")
	case f.Status.Peers == 0:
		return Finding{State: Warning, Seen: "none"}
	}
	return Finding{State: OK, Seen: fmt.Sprint(f.Status.Peers)}
}

func checkRefused(f *Facts) Finding {
	if f.Status == nil || !f.Status.Running {
		return skipped("no node runs")
	}
	count, first := 0, operations.PeerInfo{}
	for _, p := range f.Peers {
		if p.Refused != "" {
			if count++; count == 1 {
				first = p
			}
		}
	}
	if count == 0 {
		return Finding{State: OK, Seen: "none"}
	}
	return Finding{State: Warning, Seen: fmt.Sprintf("%d; %s: %s", count, first.ID, first.Refused)}
}

func checkClock(f *Facts) Finding { return problem(f, operations.ProblemClock, "as theirs", true) }
func checkCopy(f *Facts) Finding {
	return problem(f, operations.ProblemCopy, "no other node with this key was met", true)
}
func checkFiles(f *Facts) Finding { return problem(f, operations.ProblemFiles, "enough", false) }

// problem is the check of a problem that the running node detects, of mesh by
// comparing itself with peers.
func problem(f *Facts, code, good string, mesh bool) Finding {
	if f.Status == nil || mesh && !f.Status.Running {
		return skipped("no node runs")
	}
	for _, p := range f.Status.Problems {
		if p.Code == code {
			return Finding{State: Error, Seen: p.Message, Fix: p.Hint}
		}
	}
	if mesh && f.Status.Peers == 0 {
		return skipped("not known: no peer is connected to compare with")
	}
	return Finding{State: OK, Seen: good}
}

// nearlyFull is the share of its quota above which a store is reported as nearly full.
const nearlyFull = 0.9

func checkStore(f *Facts) Finding {
	switch {
	case f.HomeErr != nil:
		return withoutHome(f)
	case f.inUse():
		return skipped("another process uses the home")
	case f.Status == nil:
		return skipped("the home cannot be opened")
	}
	use, quota := f.Status.StoreBytes, f.Status.QuotaBytes
	seen := text.Bytes(use)
	if quota > 0 {
		seen += " of " + text.Bytes(quota)
	}
	switch {
	case quota > 0 && use > quota:
		return Finding{State: Error, Seen: seen}
	case quota > 0 && float64(use) > nearlyFull*float64(quota):
		return Finding{State: Warning, Seen: seen}
	}
	return Finding{State: OK, Seen: seen}
}

func checkWork(f *Facts) Finding {
	switch {
	case f.HomeErr != nil:
		return withoutHome(f)
	case f.WorkErr != nil:
		return Finding{State: Error, Seen: "cannot be listed: " + f.WorkErr.Error(),
			Fix: "remove or rename what is in the folder's place: without the folder, no work can be resumed"}
	}
	bytes, last, count := int64(0), work.Kept{}, 0
	for _, w := range f.Work {
		if w.Running {
			continue
		}
		count++
		if bytes += w.Bytes; count == 1 || w.Changed.After(last.Changed) {
			last = w
		}
	}
	now := ""
	if n := f.running(); n > 0 {
		now = fmt.Sprintf("; %d running", n)
	}
	if count == 0 {
		return Finding{State: OK, Seen: "none" + now}
	}
	return Finding{State: Warning, Seen: fmt.Sprintf("%d, %s; the last is %s%s", count, text.Bytes(bytes), last.Path,
		now)}
}

func checkDevice(f *Facts) Finding {
	switch {
	case f.GPU != "":
		return Finding{State: OK, Seen: fmt.Sprintf("%s passed its self-test; %s", f.GPU, f.Engine)}
	case len(f.GPUs.Devices) == 0 && f.GPUs.NoDriver():
		return Finding{State: OK, Seen: f.Engine + "; no driver of a GPU is installed"}
	case f.GPUs.OnlyProcessors():
		return Finding{State: OK, Seen: f.Engine + "; OpenCL offers processors alone"}
	}
	return Finding{State: Warning, Seen: fmt.Sprintf("%s; no GPU can be used: %v", f.Engine, f.GPUErr)}
}

// running is how many pieces of work processes work on.
func (f *Facts) running() (n int) {
	for _, w := range f.Work {
		if w.Running {
			n++
		}
	}
	return n
}

// inUse reports whether another process has the home open without answering.
func (f *Facts) inUse() bool {
	return f.StatusErr != nil && api.Describe(f.StatusErr).Code == api.CodeBusy
}

// withoutHome is the finding of a check of a home that is not there or cannot be used.
func withoutHome(f *Facts) Finding {
	if f.Absent {
		return skipped("there is no home")
	}
	return skipped("the home cannot be used")
}

// cannotOpen is the finding for a home that no node can open.
func cannotOpen(err error) Finding {
	found := failed(err)
	found.Seen = "the home cannot be opened: " + found.Seen
	if found.Fix == "" {
		found.Fix = "correct what the message names, or bring it back from a copy"
	}
	return found
}

// failed is the finding for an error, with the error's hint.
func failed(err error) Finding {
	e := api.Describe(err)
	return Finding{State: Error, Seen: e.Message, Fix: e.Hint}
}

func skipped(why string) Finding { return Finding{State: Skipped, Seen: why} }
