package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/auto"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/operations"
)

// distilling is what the flags of distill say.
type distilling struct {
	jobs.DistillOptions
	pixels, out, budget string
	options             []string
}

// pixelsHelp is the help of --pixels.
const pixelsHelp = "how images are stored: dct (frequency coefficients of a suitable code, or " +
	"dct:COEFFICIENTS:STEP:POWER), u4 (half a byte per pixel) or u8 (with a range per image), f16 or f32 " +
	"(default: dct for images of at least 8 x 8 unless tiles are asked for; u8 for kip, label-solve, ridge, " +
	"att, mtt, tesla and tables)"

func (a *app) distillCommand() *cobra.Command {
	d := distilling{DistillOptions: jobs.DistillOptions{Method: auto.Name, IPC: 1}}
	c := &cobra.Command{Use: "distill DATA", Short: "Make a distilled set from local data; nothing is published",
		Args: args(1, 1), Long: methodList(),
		RunE: func(cmd *cobra.Command, argv []string) error {
			d.Data = argv[0]
			if err := a.settleDistilling(cmd, &d); err != nil {
				return err
			}
			return a.with(cmd.Context(), func(conn api.Conn) error { return a.distill(cmd, conn, d) })
		}}
	d.bind(c)
	helpTopics(c, a.args, topicHelp{"method", methodHelp})
	return a.readFlags(c, false)
}

// bind adds the flags, in groups.
func (d *distilling) bind(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&d.Method, "method", d.Method, "how to distill")
	f.StringArrayVar(&d.options, "option", nil,
		"NAME=VALUE, a setting of the method; may be repeated ('distill --help METHOD' lists them)")
	f.DurationVar(&d.Time, "time", 0,
		"with --method auto: how long images may be optimized, such as 5m; reading them and "+
			"comparing with real samples come on top (default: that of the chosen method)")
	f.IntVar(&d.IPC, "ipc", d.IPC, "stored images per class held (default: 1; of dm, dsa and dc what --budget holds)")
	f.Lookup("ipc").DefValue = "0" // the help says it
	f.StringVar(&d.budget, "budget", "",
		"largest size of the set, such as 20KB: decides how many images there are and what they hold "+
			"(default: of dm, dsa and dc 0.5 KB for each class held, 8 KB in color; else what --ipc takes)")
	f.IntVar(&d.Formation, "formation", 0,
		"sub-images along a side of a stored image, each one training image (default: the method's own)")
	f.StringVar(&d.pixels, "pixels", "",
		pixelsHelp)
	deviceFlags(f, &d.Device)
	f.Uint64Var(&d.Seed, "seed", 0, "seed of every random draw")
	f.StringVarP(&d.out, "output", "o", "", "also write the set's files into this new folder")
	groupFlags(c, []flagGroup{
		{"Method", []string{"method", "option", "time", "seed"}},
		{"Size", []string{"ipc", "budget", "formation", "pixels"}},
		{"Where to compute", []string{"device", "workers"}},
		{"Result", []string{"output", "json"}},
	})
}

// settleDistilling completes the options from the flags.
func (a *app) settleDistilling(cmd *cobra.Command, d *distilling) error {
	if cmd.Flags().Changed("time") && d.Time <= 0 {
		return api.Fail(api.CodeUsage, "write --time 5m, or leave it out", "--time %s is not above zero", d.Time)
	}
	if err := checkNew(d.out); err != nil {
		return err
	}
	cfg, err := a.home.Config()
	if err != nil {
		return err
	}
	d.Home, d.Licence, d.Pixels = a.home, cfg.Publish.Licence, artifact.PixelType(strings.ToUpper(d.pixels))
	if d.Options, err = parseOptions(d.options); err != nil {
		return err
	}
	d.Usual = !cmd.Flags().Changed("ipc") && !cmd.Flags().Changed("formation")
	if d.Budget, err = imageBudget(cmd, d.budget); err != nil {
		return err
	}
	return a.settleDevice(&d.Device)
}

// distill makes the set, says what it is, and writes its files where that was asked.
func (a *app) distill(cmd *cobra.Command, conn api.Conn, d distilling) error {
	var info jobs.Distilled
	err := a.onDevice(&d.Device, func() (err error) {
		info, err = jobs.Distill(cmd.Context(), conn, d.DistillOptions, a.report)
		return err
	})
	if err != nil {
		return err
	}
	a.finish()
	if a.json {
		err = a.document(info)
	} else {
		a.print("%s", info.CID)
		a.tellLeaving(info)
	}
	if d.out == "" || err != nil {
		return err
	}
	return a.export(cmd, conn, info.CID, d.out)
}

// methodList is the help of distill: a line for each method.
func methodList() string {
	out := "Make a distilled set from a registered data set. Methods that optimize images resume after Ctrl-C when " +
		"the same command\nruns again. 'distill --help METHOD' lists a method's settings. Methods:\n\n"
	lines := [][2]string{{auto.Name, auto.Summary}}
	for _, m := range registry.Methods() {
		lines = append(lines, [2]string{m.Name(), m.Summary()})
	}
	for _, line := range lines {
		out += fmt.Sprintf("  %-12s %s\n", line[0], text.Wrap(line[1], helpWidth-15, strings.Repeat(" ", 15)))
	}
	return out
}

// methodHelp is what 'distill --help METHOD' shows.
func methodHelp(name string) (string, bool) {
	if name == auto.Name {
		return auto.Name + ": " + text.Wrap(auto.Summary, helpWidth, "  ") + "\n\nWhat it considers:\n\n" +
			auto.Considers, true
	}
	m, err := registry.Method(name)
	if err != nil {
		return "", false
	}
	out := m.Name() + ": " + text.Wrap(m.Summary(), helpWidth, "  ") + "\n"
	settings := m.Settings()
	if len(settings) == 0 {
		return out + "\nIt has no settings.\n", true
	}
	out += "\nSettings, with their defaults (--option NAME=VALUE changes one):\n\n"
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		out += "  " + name + "=" + settings[name] + "\n"
	}
	return out + "\nWhat they do: docs/methods.md\n", true
}

// parseOptions reads NAME=VALUE words.
func parseOptions(words []string) (map[string]string, error) {
	out := map[string]string{}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if _, twice := out[name]; !ok || name == "" || twice {
			return nil, api.Fail(api.CodeUsage, "write --option NAME=VALUE, each name once", "--option %q", w)
		}
		out[name] = value
	}
	return out, nil
}

// short8 is a prefix that the verbs accept in place of a CID.
func short8(cid string) string { return cid[:min(len(cid), 24)] }

// tellLeaving says what was made, and whether it may be published.
func (a *app) tellLeaving(set jobs.Distilled) {
	what := count(set.Images, "image") + ", " + text.Bytes(set.Bytes)
	if set.Refused != nil {
		a.tell("%s; 'publish' refuses it without --allow-real: %v", what, set.Refused)
		return
	}
	a.tell("%s; announce it with 'distillmesh publish %s'", what, short8(set.CID))
}

// checkNew refuses an output folder that is not empty.
func checkNew(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case dir == "" || os.IsNotExist(err):
		return nil
	case err != nil:
		return api.Fail(api.CodeUsage, "name a new folder", "%w", err)
	case len(entries) > 0:
		return api.Fail(api.CodeUsage, "name a new folder", "%s exists already and is not empty", dir)
	}
	return nil
}

// export writes the files of a set or model into a new folder.
func (a *app) export(cmd *cobra.Command, conn api.Conn, cid, dir string) error {
	_, files, err := operations.Read.Do(cmd.Context(), conn, operations.RootRequest{CID: cid}, nil)
	if err != nil {
		return err
	}
	return writeFiles(dir, files)
}

// fileName is what the name of a file may be that is written for the user: its maker
// chose it.
var fileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$`)

// writeFiles writes all files into a folder, or none where a name is unusual.
func writeFiles(dir string, files artifact.Files) error {
	for name := range files {
		if !fileName.MatchString(name) {
			return api.Fail(api.CodeVerify, "leave out --output: it is kept here all the same",
				"it has a file %q, which is not written", name)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, b := range files {
		if err := writeNew(filepath.Join(dir, name), b); err != nil {
			return err
		}
	}
	return nil
}
