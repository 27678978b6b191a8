package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/distillmesh/distillmesh/configs"
	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/nn"
)

// Code is a stable name of a kind of failure.
type Code string

// The codes, and the exit codes that the command line gives them.
const (
	CodeFailed     Code = "failed"       // 1
	CodeUsage      Code = "usage"        // 2
	CodePartly     Code = "partly_done"  // 3: running it again resumes
	CodeNotFound   Code = "not_found"    // 4: not in the mesh
	CodeRefused    Code = "refused"      // 5
	CodeNotRunning Code = "not_running"  // 6: needs a running node
	CodeBusy       Code = "busy"         // 7
	CodeStalled    Code = "no_progress"  // 8
	CodeVerify     Code = "not_verified" // 9
	CodeHere       Code = "not_here"     // 10: not supported on this machine
	CodeStopped    Code = "interrupted"  // 130
)

var exitCodes = map[Code]int{
	CodeFailed: 1, CodeUsage: 2, CodePartly: 3, CodeNotFound: 4, CodeRefused: 5, CodeNotRunning: 6,
	CodeBusy: 7, CodeStalled: 8, CodeVerify: 9, CodeHere: 10, CodeStopped: 130,
}

// Error is what the edge shows: a stable code, one plain sentence, and a hint
// with what to run.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	cause   error
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Unwrap returns what caused it, in the process where it happened.
func (e *Error) Unwrap() error { return e.cause }

// ExitCode is the process exit code of an error; 0 for none.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	return exitCodes[Describe(err).Code]
}

// Fail builds an Error. The format may wrap a cause with %w.
func Fail(code Code, hint, format string, args ...any) *Error {
	cause := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: cause.Error(), Hint: hint, cause: cause}
}

// known maps causes from the rooms below to codes and hints, first match wins.
var known = []struct {
	is   error
	code Code
	hint string
}{
	{context.Canceled, CodeStopped, "run the same command again to resume"},
	{blocks.ErrFull, CodeRefused, "free space with 'distillmesh rm CID', or raise storage.quota in config.toml"},
	{blocks.ErrRefused, CodeVerify, "the content is not what was announced; nothing was kept. Choose other signers with --from"},
	{artifact.ErrInvalid, CodeVerify, "the content is damaged or made by an incompatible version; nothing was kept"},
	{p2p.ErrNoProviders, CodeNotFound, "see who has it with 'distillmesh ls --remote'; its owner may be off"},
	{p2p.ErrStalled, CodeStalled, "run the same command again; 'distillmesh peers' shows who is connected"},
	{p2p.ErrTooLarge, CodeRefused, "raise trainer.max_set_size in config.toml if you want it"},
	{p2p.ErrAddrInUse, CodeBusy, "another program uses the port: set mesh.port in config.toml to a free one, or to 0"},
	{p2p.ErrRefused, CodeRefused, "compare mesh.name and version on both sides"},
	{p2p.ErrUnreachable, CodeNotFound, "check the address, and that the other node runs"},
	{blocks.ErrNotFound, CodeNotFound, "list what is here with 'distillmesh ls', on the mesh with 'distillmesh ls --remote'"},
	{blocks.ErrLocked, CodeBusy, "another process uses this home; stop it, or set DISTILLMESH_PATH to another folder"},
	{data.ErrUnknownData, CodeUsage, "name its task with --task ('distillmesh task ls' lists them), or make one of it: 'distillmesh task new NAME --from PATH'"},
	{data.ErrNoData, CodeUsage, "give one of: " + data.Formats + "; or " + data.GlyphPath},
	{data.ErrNoSamples, CodeUsage, "list the data sets and their samples with 'distillmesh data ls'"},
	{data.ErrInvalidTask, CodeUsage, "see docs/formats.md for what a task holds"},
	{configs.ErrInvalid, CodeUsage, "settings come from config.toml in the node's home, from DISTILLMESH_ variables and from flags: correct the one named"},
	{distill.ErrOption, CodeUsage, "'distillmesh distill --help' lists the options of each method"},
	{distill.ErrUnknown, CodeUsage, "choose one of those with --method"},
	{distill.ErrTooFew, CodeUsage, "ask for fewer images per class with --ipc"},
	{train.ErrDiverged, CodeFailed, "a smaller --lr may help"},
	{distill.ErrBudget, CodeUsage, "ask for a larger --budget or another --method; without a budget, for at least one image per class with --ipc"},
	{nn.ErrShape, CodeUsage, "choose a method or model that suits rows of a table, or images so small: --method auto does"},
	{data.ErrFormation, CodeUsage, "ask for --formation 1, or for a factor that divides the sides of the images"},
	{distill.ErrNoSamples, CodeUsage, "list the data sets with 'distillmesh data ls'"},
	{fs.ErrNotExist, CodeUsage, "check the path"},
	{fs.ErrPermission, CodeUsage, "check who may read and write there, or set DISTILLMESH_PATH to a folder of yours"},
	{syscall.ENOSPC, CodeFailed, "free space on this disk, or set DISTILLMESH_PATH to a folder on another"},
}

// Describe turns any error into what the edge shows.
func Describe(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		if e.Message == err.Error() {
			return e
		}
		return &Error{Code: e.Code, Message: err.Error(), Hint: e.Hint, cause: err}
	}
	var file *files.Error
	if errors.As(err, &file) {
		return &Error{Code: CodeUsage, Message: err.Error(), Hint: file.Hint, cause: err}
	}
	for _, k := range known {
		if errors.Is(err, k.is) {
			return &Error{Code: k.code, Message: err.Error(), Hint: k.hint, cause: err}
		}
	}
	return &Error{Code: CodeFailed, Message: err.Error(), cause: err}
}
