// SPDX-License-Identifier: Apache-2.0

// Reads the deployment files with the parsers of those who will run them, without a cluster, a daemon or the network.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const usage = `deploy-check kustomize <folder>            writes the manifests of an overlay
deploy-check manifests <schemas> <version>  checks manifests from standard input against Kubernetes' schemas
deploy-check compose <file>                 writes the composed project, variables from the environment
deploy-check dockerfile <file>              checks syntax and the linter rules of docker build
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("%s", usage)
	}
	switch args[0] {
	case "kustomize":
		return kustomize(args[1])
	case "manifests":
		if len(args) < 3 {
			return fmt.Errorf("%s", usage)
		}
		return manifests(args[1], args[2])
	case "compose":
		return compose(args[1])
	case "dockerfile":
		return dockerfile(args[1])
	}
	return fmt.Errorf("%s", usage)
}

func kustomize(folder string) error {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return err
	}
	yaml, err := resources.AsYaml()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(yaml)
	return err
}

// Every field must be known: a misspelt probe would be ignored by the server without a word.
func manifests(schemas, version string) error {
	check, err := validator.New([]string{schemas}, validator.Opts{Strict: true, KubernetesVersion: version})
	if err != nil {
		return err
	}
	bad := 0
	for _, result := range check.Validate("manifests", io.NopCloser(os.Stdin)) {
		signature, _ := result.Resource.Signature()
		if result.Status == validator.Valid {
			fmt.Printf("ok %s %s\n", signature.Kind, signature.Name)
			continue
		}
		if result.Status == validator.Empty {
			continue
		}
		bad++
		name := "?"
		if signature != nil {
			name = signature.Kind + " " + signature.Name
		}
		fmt.Printf("bad %s: %v\n", name, result.Err)
	}
	if bad > 0 {
		return fmt.Errorf("%d manifests do not fit their schema", bad)
	}
	return nil
}

func compose(file string) error {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv, cli.WithInterpolation(true))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	json, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(json)
	return err
}

func dockerfile(file string) error {
	source, err := os.Open(file)
	if err != nil {
		return err
	}
	defer source.Close()
	parsed, err := parser.Parse(source)
	if err != nil {
		return err
	}
	found := 0
	rules := linter.New(&linter.Config{Warn: func(rule, description, _ string, message string, _ []parser.Range) {
		found++
		fmt.Printf("%s: %s (%s)\n", rule, message, description)
	}})
	for _, warning := range parsed.Warnings {
		found++
		fmt.Println(warning.Short)
	}
	stages, _, err := instructions.Parse(parsed.AST, rules)
	if err != nil {
		return err
	}
	if found > 0 {
		return fmt.Errorf("%s: %d warnings", file, found)
	}
	fmt.Printf("ok %s: %d stages\n", file, len(stages))
	return nil
}
