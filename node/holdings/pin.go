package holdings

import (
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// taskPin is the name under which task documents are pinned.
const taskPin = "task"

// PinName is the name under which the sets or models of a task are pinned.
func PinName(subject announce.Subject, task cid.Cid) string {
	return string(subject) + "/" + task.String()
}

// holdingOf reads a pin; ok is false when it is no set or model.
func holdingOf(p blocks.Pin) (_ Holding, ok bool) {
	subject, name, _ := strings.Cut(p.Name, "/")
	task, err := cid.Decode(name)
	h := Holding{Root: p.Root, Task: task, Subject: announce.Subject(subject), Stat: p.Stat}
	if err != nil || h.Subject != announce.SubjectSet && h.Subject != announce.SubjectModel {
		return Holding{}, false
	}
	return h, true
}
