{{- define "ballast.name" -}}
{{- $name := .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- if contains "ballast" $name -}}{{ $name }}{{- else -}}{{ printf "%s-ballast" $name }}{{- end -}}
{{- end -}}

{{- define "ballast.selector" -}}
app.kubernetes.io/name: ballast
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ballast.labels" -}}
{{ include "ballast.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "ballast.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* The host in publicUrl. */}}
{{- define "ballast.host" -}}
{{- $url := required "publicUrl: the ingress needs the hub's address, as in https://hub.example.org" .Values.publicUrl -}}
{{- regexReplaceAll ":[0-9]+$" (urlParse $url).host "" -}}
{{- end -}}

{{/*
Refuses a config that has a secret in it: what stands there is readable for whoever may list ConfigMaps.
*/}}
{{- define "ballast.config" -}}
{{- range $line := splitList "\n" .Values.config -}}
  {{- $written := regexReplaceAll "^\\s*#.*$" $line "" -}}
  {{- if regexMatch "\\b(password|value|secret_access_key|access_key_id|session_token)[\"']?\\s*=\\s*[\"']" $written -}}
    {{- fail (printf "config: a secret stands in it (%s …); put it into a Secret, mount that by `secrets`, and write { file = \"/run/secrets/ballast/NAME/KEY\" }" (regexFind "[a-z_]+\\s*=" $written)) -}}
  {{- end -}}
  {{- if regexMatch "://[^/\"'@]*:[^/\"'@]*@" $written -}}
    {{- fail "config: a URL with a password stands in it; put it into a Secret, mount that by `secrets`, and write { file = \"/run/secrets/ballast/NAME/KEY\" }" -}}
  {{- end -}}
{{- end -}}
{{- .Values.config -}}
{{- end -}}

{{/*
What the chart decides, as environment: it wins over the config file, and `kubectl exec … ballast …` has it too.
Secrets are not in it, only the names of their files.
*/}}
{{- define "ballast.env" -}}
- name: BALLAST_SERVER__LISTEN
  value: "0.0.0.0:28080"
- name: BALLAST_DATA_DIR
  value: /var/lib/ballast
- name: BALLAST_SERVER__DRAIN_SECONDS
  value: {{ int .Values.drainSeconds | quote }}
{{- with .Values.publicUrl }}
- name: BALLAST_SERVER__PUBLIC_URL
  value: {{ . | quote }}
{{- end }}
# One chain of the audit log for all pods, whose names come and go.
- name: BALLAST_AUDIT__NODE
  value: {{ include "ballast.name" . }}
{{- with .Values.administrator }}
{{- if .existingSecret }}
- name: BALLAST_BOOTSTRAP__USERS
  value: '[{name="admin", admin=true, {{ if .passwordKey }}password={file="/run/secrets/ballast/administrator/{{ .passwordKey }}"}, {{ end }}tokens=[{name="deployment", role="admin", value={file="/run/secrets/ballast/administrator/{{ .tokenKey }}"}}]}]'
{{- end }}
{{- end }}
{{- if eq .Values.mode "cluster" }}
- name: BALLAST_DATABASE__URL__FILE
  value: /run/secrets/ballast/database/{{ .Values.database.key }}
- name: BALLAST_DATABASE__CONNECTIONS
  value: {{ int .Values.database.connections | quote }}
- name: BALLAST_STORAGE__MAIN__PLUGIN
  value: storage.opendal
- name: BALLAST_STORAGE__MAIN__CONFIG__SCHEME
  value: s3
{{- with .Values.s3 }}
{{- range $key, $value := dict "ENDPOINT" .endpoint "PUBLIC_ENDPOINT" .publicEndpoint "ROOT" .root }}
{{- if $value }}
- name: BALLAST_STORAGE__MAIN__CONFIG__{{ $key }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
- name: BALLAST_STORAGE__MAIN__CONFIG__REGION
  value: {{ .region | quote }}
- name: BALLAST_STORAGE__MAIN__CONFIG__BUCKET
  value: {{ .bucket | quote }}
- name: BALLAST_STORAGE__MAIN__CONFIG__PATH_STYLE
  value: {{ .pathStyle | quote }}
- name: BALLAST_STORAGE__MAIN__CONFIG__CHECKSUM
  value: {{ .checksum | quote }}
- name: BALLAST_STORAGE__MAIN__CONFIG__PRESIGN
  value: {{ .presign | quote }}
- name: BALLAST_STORAGE__MAIN__CONFIG__ACCESS_KEY_ID__FILE
  value: /run/secrets/ballast/s3/{{ .accessKeyIdKey }}
- name: BALLAST_STORAGE__MAIN__CONFIG__SECRET_ACCESS_KEY__FILE
  value: /run/secrets/ballast/s3/{{ .secretAccessKeyKey }}
{{- end }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The Secrets to mount: a name and a Secret each. */}}
{{- define "ballast.secrets" -}}
{{- $all := list -}}
{{- if eq .Values.mode "cluster" -}}
{{- $all = append $all (dict "name" "database" "secretName" .Values.database.existingSecret) -}}
{{- $all = append $all (dict "name" "s3" "secretName" .Values.s3.existingSecret) -}}
{{- end -}}
{{- with .Values.administrator.existingSecret -}}
{{- $all = append $all (dict "name" "administrator" "secretName" .) -}}
{{- end -}}
{{- range .Values.secrets -}}
{{- $all = append $all (dict "name" .name "secretName" .secretName) -}}
{{- end -}}
{{- dict "all" $all | toJson -}}
{{- end -}}

{{/* The pod, of either kind. */}}
{{- define "ballast.pod" -}}
{{- $secrets := (include "ballast.secrets" . | fromJson).all -}}
metadata:
  labels:
    {{- include "ballast.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A change of the config starts the pods anew.
    checksum/config: {{ .Values.config | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "ballast.name" . }}
  # The hub asks nothing of Kubernetes.
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add .Values.drainSeconds .Values.endSeconds 10 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: ballast
      image: {{ include "ballast.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      env:
        {{- include "ballast.env" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 28080
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      # Opening the database may bring it up to date, which takes as long as it takes.
      startupProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 300
      # A part that is away makes a pod unready; killing it would not bring the part back.
      livenessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      lifecycle:
        # The hub takes no connection from the moment that it is asked to end: first everybody learns of it.
        preStop:
          sleep: {seconds: {{ int .Values.endSeconds }}}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: data
          mountPath: /var/lib/ballast
        - name: tmp
          mountPath: /tmp
        - name: config
          mountPath: /etc/ballast
          readOnly: true
        {{- range $secrets }}
        - name: secret-{{ .name }}
          mountPath: /run/secrets/ballast/{{ .name }}
          readOnly: true
        {{- end }}
  volumes:
    {{- if eq .Values.mode "cluster" }}
    # A node keeps nothing that has to survive it.
    - name: data
      emptyDir: {}
    {{- end }}
    - name: tmp
      emptyDir: {}
    - name: config
      configMap:
        name: {{ include "ballast.name" . }}
    {{- range $secrets }}
    - name: secret-{{ .name }}
      secret:
        secretName: {{ .secretName }}
        defaultMode: 0440
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
  {{- else if eq .Values.mode "cluster" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "ballast.selector" . | nindent 10 }}
  {{- end }}
{{- end -}}
