package node

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/distillmesh/distillmesh/configs"
	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/gpu"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/plan"
)

// misplaced is the hint where a folder or link lies in the place of a file.
const misplaced = "something else lies where this file belongs: move it away, and bring the file back from a copy"

// causes maps errors of lower packages to codes and hints; the first match wins.
var causes = []api.Cause{
	{Is: blocks.ErrFull, Code: api.CodeRefused,
		Hint: "free space with 'distillmesh rm CID', or raise storage.quota in config.toml"},
	{Is: blocks.ErrMissing, Code: api.CodeVerify,
		Hint: "'distillmesh get CID' fetches it again, as long as somebody else has it; 'distillmesh rm CID' gives it up"},
	{Is: blocks.ErrDoubt, Code: api.CodeVerify,
		Hint: "nothing is deleted until the node has opened its home again and found what it keeps"},
	{Is: blocks.ErrDamaged, Code: api.CodeFailed,
		Hint: "check the disk, and who may read there. Move the file or folder named out of the home: sets, models and " +
			"what is kept are found again at the next start, announcements of others return from the mesh"},
	{Is: blocks.ErrRefused, Code: api.CodeVerify,
		Hint: "the content is not what was announced; nothing was kept. Choose other signers with --from"},
	{Is: artifact.ErrInvalid, Code: api.CodeVerify,
		Hint: "the content is damaged or made by an incompatible version; nothing was kept"},
	{Is: p2p.ErrNoProviders, Code: api.CodeNotFound,
		Hint: "see who has it with 'distillmesh ls --remote'; its owner may be off"},
	{Is: p2p.ErrStalled, Code: api.CodeStalled,
		Hint: "run the same command again; 'distillmesh peers' shows who is connected"},
	{Is: p2p.ErrTooLarge, Code: api.CodeRefused, Hint: "raise trainer.max_set_size in config.toml if you want it"},
	{Is: p2p.ErrAddrInUse, Code: api.CodeBusy,
		Hint: "another program uses the port: set mesh.port in config.toml to a free one, or to 0"},
	{Is: p2p.ErrRefused, Code: api.CodeRefused, Hint: "compare mesh.name and version on both sides"},
	{Is: p2p.ErrUnreachable, Code: api.CodeNotFound, Hint: "check the address, and that the other node runs"},
	{Is: blocks.ErrNotFound, Code: api.CodeNotFound,
		Hint: "list what is here with 'distillmesh ls', on the mesh with 'distillmesh ls --remote'"},
	{Is: blocks.ErrLocked, Code: api.CodeBusy,
		Hint: "another process uses this home; stop it, or set DISTILLMESH_PATH to another folder"},
	{Is: open.ErrUnknownData, Code: api.CodeUsage,
		Hint: "name its task with --task ('distillmesh task ls' lists them), or make one of it: " +
			"'distillmesh task new NAME --from PATH'"},
	{Is: open.ErrNoData, Code: api.CodeUsage, Hint: "give one of: " + open.Formats + "; or " + data.GlyphPath},
	{Is: data.ErrNoSamples, Code: api.CodeUsage,
		Hint: "list the data sets and their samples with 'distillmesh data ls'"},
	{Is: device.ErrWorkers, Code: api.CodeUsage, Hint: "leave out --workers for all cores"},
	{Is: gpu.ErrMemory, Code: api.CodeHere,
		Hint: "end what else uses the GPU, take a smaller batch, or --device cpu; what was done so far is kept"},
	{Is: gpu.ErrLost, Code: api.CodeHere,
		Hint: "the same command goes on from the last checkpoint once the GPU is back ('distillmesh gpu ls'), or with " +
			"--device cpu"},
	{Is: device.ErrUnavailable, Code: api.CodeHere, Hint: "leave out --device, or choose auto"},
	{Is: plan.ErrInvalid, Code: api.CodeUsage,
		Hint: "'distillmesh train --print-plan' writes a plan; docs/formats.md describes it"},
	{Is: data.ErrInvalidTask, Code: api.CodeUsage, Hint: "see docs/formats.md for what a task holds"},
	{Is: configs.ErrInvalid, Code: api.CodeUsage,
		Hint: "settings come from config.toml in the node's home, from DISTILLMESH_ variables and from flags: " +
			"correct the one named"},
	{Is: distill.ErrOption, Code: api.CodeUsage, Hint: "'distillmesh distill --help' lists the options of each method"},
	{Is: distill.ErrUnknown, Code: api.CodeUsage, Hint: "choose one of those with --method"},
	{Is: distill.ErrTooFew, Code: api.CodeUsage, Hint: "ask for fewer images per class with --ipc"},
	{Is: train.ErrDiverged, Code: api.CodeFailed, Hint: "a smaller --lr may help"},
	{Is: distill.ErrBudget, Code: api.CodeUsage,
		Hint: "ask for a larger --budget or another --method; without a budget, for at least one image per class " +
			"with --ipc"},
	{Is: nn.ErrShape, Code: api.CodeUsage,
		Hint: "choose a method or model that suits rows of a table, or images so small: --method auto does"},
	{Is: data.ErrFormation, Code: api.CodeUsage,
		Hint: "ask for --formation 1, or for a factor that divides the sides of the images"},
	{Is: distill.ErrNoSamples, Code: api.CodeUsage, Hint: "list the data sets with 'distillmesh data ls'"},
	{Is: fs.ErrNotExist, Code: api.CodeUsage, Hint: "check the path"},
	{Is: fs.ErrPermission, Code: api.CodeUsage,
		Hint: "check who may read and write there, or set DISTILLMESH_PATH to a folder of yours"},
	{Is: syscall.EROFS, Code: api.CodeUsage,
		Hint: "the home is on a file system that cannot be written: mount it writable, or set DISTILLMESH_PATH to a " +
			"folder on another"},
	{Is: syscall.EISDIR, Code: api.CodeFailed, Hint: misplaced},
	{Is: syscall.ENOTDIR, Code: api.CodeFailed, Hint: misplaced},
	{Is: syscall.ELOOP, Code: api.CodeFailed, Hint: misplaced},
	{Is: syscall.ENOSPC, Code: api.CodeFailed,
		Hint: "free space on this disk, or set DISTILLMESH_PATH to a folder on another"},
}

// Describe turns any error into what people and programs are shown.
func Describe(err error) *api.Error {
	var told *api.Error
	var file *files.Error
	if !errors.As(err, &told) && errors.As(err, &file) {
		return api.Describe(err, append([]api.Cause{{Is: file, Code: api.CodeUsage, Hint: file.Hint}}, causes...)...)
	}
	return api.Describe(err, causes...)
}
