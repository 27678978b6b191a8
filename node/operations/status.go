package operations

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/node/state"
)

// StatusInfo is a summary of a node.
type StatusInfo struct {
	ID         string   `json:"id"`
	Home       string   `json:"home"`
	Running    bool     `json:"running"`
	Role       string   `json:"role"`
	Mesh       string   `json:"mesh"`
	Version    string   `json:"version"`
	Uptime     float64  `json:"uptime_seconds"`
	Addrs      []string `json:"addrs"`
	Peers      int      `json:"peers"`
	Tasks      int      `json:"tasks"` // taken part in
	Sets       int      `json:"sets"`  // here
	Models     int      `json:"models"`
	Announced  int      `json:"announced"` // live announcements known
	StoreBytes int64    `json:"store_bytes"`
	QuotaBytes int64    `json:"quota_bytes"`
	// Quarantined are sets here that trainings leave out, because other sets or local samples
	// contradict them.
	Quarantined []Quarantined `json:"quarantined,omitempty"`
	// Problems are problems of this node or its environment.
	Problems []Problem `json:"problems"`
}

// Quarantined is a set that is not trained on unless it is named.
type Quarantined struct {
	CID string `json:"cid"`
	Why string `json:"why"`
}

// Judged is what a training found of the sets of a task.
type Judged struct {
	Task        string        `json:"task"` // CID
	Quarantined []Quarantined `json:"quarantined,omitempty"`
	// Marked are sets that were kept although nothing could be compared with some of their images.
	Marked []Quarantined `json:"marked,omitempty"`
}

// Problem is a problem that the owner of a node can fix.
type Problem struct {
	Code    string `json:"code"` // one of those below
	Message string `json:"message"`
	Hint    string `json:"hint"` // what to do
}

// The codes of problems.
const (
	ProblemClock = "clock-differs"
	ProblemCopy  = "key-in-use-elsewhere"
	ProblemFiles = "few-open-files"
	ProblemStore = "store-damaged"
)

// PeerInfo is one peer as lists show it.
type PeerInfo struct {
	ID        string   `json:"id"`
	Role      string   `json:"role"`
	Agent     string   `json:"agent"`
	Addrs     []string `json:"addrs"`
	Direction string   `json:"direction"`
	LatencyMS float64  `json:"latency_ms"`
	Seconds   float64  `json:"connected_seconds"`
	Tasks     int      `json:"tasks"`
	In        int64    `json:"in"` // bytes received from it since this node started
	Out       int64    `json:"out"`
	Refused   string   `json:"refused,omitempty"` // why, when it is not connected
	// ClockAhead is how far its clock is ahead of this device's, negative when
	// behind; set from ten minutes on.
	ClockAhead float64 `json:"clock_ahead_seconds,omitempty"`
	Clock      string  `json:"clock,omitempty"` // the same in words
}

// FedAvgBytes is what one-shot FedAvg would move for the same network: every
// client downloads and uploads all parameters as float32 once.
type FedAvgBytes struct {
	Up   int64 `json:"up"`
	Down int64 `json:"down"`
}

// FedAvg counts the bytes of one-shot FedAvg.
func FedAvg(parameters, clients int) FedAvgBytes {
	b := int64(parameters) * 4 * int64(clients)
	return FedAvgBytes{Up: b, Down: b}
}

// CostRequest asks what FedAvg of a model would have moved.
type CostRequest struct {
	Task  string `json:"task,omitempty"`
	Model string `json:"model"`
}

// CostInfo is the traffic over the mesh, and that of FedAvg for comparison.
type CostInfo struct {
	In         int64                  `json:"in"`
	Out        int64                  `json:"out"`
	ByProtocol map[string]state.Moved `json:"by_protocol"`
	Task       string                 `json:"task,omitempty"`
	SetBytes   int64                  `json:"set_bytes"` // of all announced sets of the task
	Clients    int                    `json:"clients"`   // who offer them
	Model      string                 `json:"model,omitempty"`
	Parameters int                    `json:"parameters,omitempty"`
	FedAvg     *FedAvgBytes           `json:"fedavg_one_shot,omitempty"`
}

// Protocols lists the protocols of a cost by bytes, largest first.
func (c CostInfo) Protocols() []string {
	return slices.SortedFunc(maps.Keys(c.ByProtocol), func(a, b string) int {
		x, y := c.ByProtocol[a], c.ByProtocol[b]
		return cmp.Or(cmp.Compare(y.In+y.Out, x.In+x.Out), strings.Compare(a, b))
	})
}
