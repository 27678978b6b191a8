package node

import (
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
)

// operations is everything that a node answers.
func (n *Node) operations() *api.Table {
	return api.NewTable(
		api.Handle(operations.Status, n.status),
		api.Handle(operations.Peers, n.peers),
		api.Handle(operations.Cost, n.cost),

		api.Handle(operations.Tasks, n.listTasks),
		api.Handle(operations.ShowTask, n.showTask),
		api.Handle(operations.AddTask, n.addTask),

		api.Handle(operations.ListData, n.listData),
		api.Handle(operations.RegisterData, n.registerData),
		api.Handle(operations.ForgetData, n.forgetData),

		api.Handle(operations.Sets, n.listSets),
		api.Handle(operations.HeldSets, n.listHeldSets),
		api.HandleUpload(operations.AddSet, n.addSet),
		api.Handle(operations.Publish, n.publish),

		api.Handle(operations.Models, n.listModels),
		api.HandleUpload(operations.AddModel, n.addModel),

		api.HandleDownload(operations.Read, n.read),
		api.Handle(operations.Fetch, n.fetch),
		api.Handle(operations.Gather, n.gather),
		api.Handle(operations.Remove, n.remove),
	)
}
