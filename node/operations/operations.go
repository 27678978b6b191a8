// Package operations defines the operations of a node: the name, request and
// result of each. Package node implements them for a home; tests implement them
// by fakes.
package operations

import (
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/state"
)

// The operations of a node.
const (
	// Status describes the node.
	Status = api.Op[api.None, StatusInfo]("status")
	// Peers lists connected peers, and those refused lately with the reason.
	Peers = api.Op[api.None, []PeerInfo]("peers")
	// Cost counts bytes over all runs of the node.
	Cost = api.Op[CostRequest, CostInfo]("cost")

	// Tasks lists the tasks the node knows.
	Tasks = api.Op[api.None, []TaskInfo]("tasks")
	// ShowTask finds one task by name, CID or prefix.
	ShowTask = api.Op[TaskRequest, TaskInfo]("task")
	// AddTask adds a task and joins it.
	AddTask = api.Op[AddTaskRequest, TaskInfo]("task-add")

	// ListData lists the registered data sets.
	ListData = api.Op[api.None, []state.DataEntry]("data")
	// RegisterData registers data sets, replacing entries of the same name, and
	// joins their tasks.
	RegisterData = api.Op[[]DataRegistration, api.None]("data-register")
	// ForgetData removes a data set and the parts split from it from the
	// register; the files stay. It returns the names.
	ForgetData = api.Op[string, []string]("data-forget")

	// Sets lists the sets that are here, or that the mesh announces.
	Sets = api.Op[SetQuery, []SetInfo]("sets")
	// HeldSets lists the CIDs of the sets of a task that are complete here.
	HeldSets = api.Op[TaskRequest, []string]("sets-held")
	// AddSet verifies a set made here, stores and pins it. It is not announced.
	AddSet = api.Upload[AddSetRequest, SetInfo]("set-add")
	// Publish announces a set: now when online, else at the next run. It refuses
	// sets that hold real samples, or average fewer than ten, unless allowed.
	Publish = api.Op[PublishRequest, Published]("publish")

	// Models lists the models that are here or announced.
	Models = api.Op[api.None, []ModelInfo]("models")
	// AddModel verifies a model trained here, stores and pins it and, if asked,
	// announces it.
	AddModel = api.Upload[AddModelRequest, ModelInfo]("model-add")

	// Read gives the files of a set or model that is here.
	Read = api.Download[RootRequest, Content]("read")
	// Fetch fetches a set or model: complete, verified and pinned, or not at
	// all. Local ones are left alone.
	Fetch = api.Op[RootRequest, Fetched]("fetch")
	// Gather chooses sets of a task under a byte budget, fetches those that are not
	// here, and says why each was chosen or not.
	Gather = api.Op[GatherRequest, Gathered]("gather")
	// Judge remembers which sets of a task a training left out, and why.
	Judge = api.Op[Judged, api.None]("judge")
	// Remove withdraws what this node announced of a set or model and deletes it.
	Remove = api.Op[RootRequest, Content]("remove")
)

// RootRequest names a set or model by CID or unique prefix.
type RootRequest struct {
	CID string `json:"cid"`
}

// TaskRequest names a task.
type TaskRequest struct {
	Name string `json:"name"`
}

// AddTaskRequest is the document of a task to take part in.
type AddTaskRequest struct {
	Document []byte `json:"document"`
	Publish  bool   `json:"publish"` // announce it to the mesh
}

// DataRegistration is an entry with the document of its task.
type DataRegistration struct {
	state.DataEntry
	TaskDocument []byte `json:"task_document"`
}
