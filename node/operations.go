package node

import (
	"context"
	"io/fs"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
)

// operations is the table of a node's operations.
func (n *Node) operations() *api.Table {
	return api.NewTable(
		handle(operations.Status, n.status),
		handle(operations.Peers, n.peers),
		handle(operations.Cost, n.cost),

		handle(operations.Tasks, n.listTasks),
		handle(operations.ShowTask, n.showTask),
		handle(operations.AddTask, n.addTask),

		handle(operations.ListData, n.listData),
		handle(operations.RegisterData, n.registerData),
		handle(operations.ForgetData, n.forgetData),

		handle(operations.Sets, n.listSets),
		handle(operations.HeldSets, n.listHeldSets),
		upload(operations.AddSet, n.addSet),
		handle(operations.Publish, n.publish),

		handle(operations.Scores, n.scores),
		handle(operations.PublishScore, n.publishScore),
		handle(operations.RecordScores, n.recordScores),

		handle(operations.Models, n.listModels),
		upload(operations.AddModel, n.addModel),

		download(operations.Read, n.read),
		handle(operations.Fetch, n.fetch),
		handle(operations.Gather, n.gather),
		handle(operations.Judge, n.judged),
		handle(operations.Remove, n.remove),
	)
}

// The functions below bind an operation to what does it. Its errors get codes and
// hints, so that they are the same in this process and over the socket.

func handle[Req, Res any](op api.Op[Req, Res], run func(context.Context, Req, api.Report) (Res, error)) api.Handler {
	return api.Handle(op, func(ctx context.Context, req Req, report api.Report) (Res, error) {
		res, err := run(ctx, req, report)
		return res, described(err)
	})
}

func upload[Req, Res any](op api.Upload[Req, Res], run func(context.Context, Req, fs.FS, api.Report) (Res,
	error)) api.Handler {
	return api.HandleUpload(op, func(ctx context.Context, req Req, files fs.FS, report api.Report) (Res, error) {
		res, err := run(ctx, req, files, report)
		return res, described(err)
	})
}

func download[Req, Res any](op api.Download[Req, Res], run func(context.Context, Req, api.Report) (Res, fs.FS,
	error)) api.Handler {
	return api.HandleDownload(op, func(ctx context.Context, req Req, report api.Report) (Res, fs.FS, error) {
		res, files, err := run(ctx, req, report)
		return res, files, described(err)
	})
}

// described is Describe for an error that may be nil.
func described(err error) error {
	if err == nil {
		return nil
	}
	return Describe(err)
}
