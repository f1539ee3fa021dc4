//! From a question to Cedar's request and entities.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use schleuse_types::{Label, Level};

use crate::{Action, Ask, Circumstances, Declassification, Inspected, Question, Stage};

/// The type names of the schema, parsed once.
#[derive(Debug)]
pub(crate) struct Translator {
    action: EntityTypeName,
    group: EntityTypeName,
    house: EntityTypeName,
    model: EntityTypeName,
    person: EntityTypeName,
    role: EntityTypeName,
    stage: EntityTypeName,
    surface: EntityTypeName,
    tenant: EntityTypeName,
    zone: EntityTypeName,
}

impl Translator {
    pub(crate) fn new() -> Result<Self, cedar_policy::ParseErrors> {
        Ok(Self {
            action: EntityTypeName::from_str("Action")?,
            group: EntityTypeName::from_str("Group")?,
            house: EntityTypeName::from_str("House")?,
            model: EntityTypeName::from_str("Model")?,
            person: EntityTypeName::from_str("Person")?,
            role: EntityTypeName::from_str("Role")?,
            stage: EntityTypeName::from_str("Stage")?,
            surface: EntityTypeName::from_str("Surface")?,
            tenant: EntityTypeName::from_str("Tenant")?,
            zone: EntityTypeName::from_str("Zone")?,
        })
    }

    /// Both are checked against the schema. The error is one line and names no text of the asker's but ids.
    pub(crate) fn translate(
        &self,
        question: &Question,
        schema: &Schema,
    ) -> Result<(Request, Entities), String> {
        let person = self.person(question)?;
        let mut pairs = circumstances(&question.circumstances)?;
        let (resource, model) = match &question.action {
            Action::Ask(ask) => {
                pairs.extend(self.ask(ask)?);
                let model = self.model(ask)?;
                (model.uid(), Some(model))
            }
            Action::Declassify(Declassification { from, to, own })
            | Action::Approve(Declassification { from, to, own }) => {
                pairs.push(("from".to_owned(), label_record(from)?));
                pairs.push(("to".to_owned(), label_record(to)?));
                pairs.push(("own".to_owned(), RestrictedExpression::new_bool(*own)));
                (name(&self.house, "house"), None)
            }
            _ => (name(&self.house, "house"), None),
        };
        let context = Context::from_pairs(pairs).map_err(one_line)?;
        let action = name(&self.action, question.action.name());
        let request =
            Request::new(person.uid(), action, resource, context, Some(schema)).map_err(one_line)?;
        let entities =
            Entities::from_entities([person].into_iter().chain(model), Some(schema)).map_err(one_line)?;
        Ok((request, entities))
    }

    fn person(&self, question: &Question) -> Result<Entity, String> {
        let role = name(&self.role, question.role.as_str());
        let groups: Vec<_> = question.groups.iter().map(|group| name(&self.group, group)).collect();
        let tenant = name(&self.tenant, question.tenant.as_str());
        let group_set = groups.iter().cloned().map(RestrictedExpression::new_entity_uid);
        let attributes = HashMap::from([
            ("role".to_owned(), RestrictedExpression::new_entity_uid(role.clone())),
            ("groups".to_owned(), RestrictedExpression::new_set(group_set)),
            ("tenant".to_owned(), RestrictedExpression::new_entity_uid(tenant.clone())),
        ]);
        let parents: HashSet<_> = groups.into_iter().chain([role, tenant]).collect();
        Entity::new(name(&self.person, &question.person), attributes, parents).map_err(one_line)
    }

    fn model(&self, ask: &Ask) -> Result<Entity, String> {
        let model = &ask.model;
        let tenants = model.tenants.iter().map(|tenant| name(&self.tenant, tenant.as_str()));
        let tenants = tenants.map(RestrictedExpression::new_entity_uid);
        let attributes = HashMap::from([
            ("zone".to_owned(), RestrictedExpression::new_entity_uid(name(&self.zone, model.zone.as_str()))),
            ("region".to_owned(), RestrictedExpression::new_string(model.region.clone())),
            ("maxLabel".to_owned(), RestrictedExpression::new_long(level(&model.max_label))),
            ("compartments".to_owned(), compartments(&model.max_label)),
            ("tenants".to_owned(), RestrictedExpression::new_set(tenants)),
        ]);
        Entity::new(name(&self.model, &model.name), attributes, HashSet::new()).map_err(one_line)
    }

    fn ask(&self, ask: &Ask) -> Result<Vec<(String, RestrictedExpression)>, String> {
        let inspected = match &ask.stage {
            Stage::Asking { declared } => &Inspected { label: declared.clone(), ..Inspected::default() },
            Stage::Answering(inspected) => inspected,
        };
        let Inspected { label, findings, sensitivity, evasive, opaque } = inspected;
        let findings = findings.iter().cloned().map(RestrictedExpression::new_string);
        let stage = name(&self.stage, ask.stage.name());
        let surface = name(&self.surface, &ask.surface);
        Ok(vec![
            ("stage".to_owned(), RestrictedExpression::new_entity_uid(stage)),
            ("surface".to_owned(), RestrictedExpression::new_entity_uid(surface)),
            ("evasive".to_owned(), RestrictedExpression::new_bool(*evasive)),
            ("opaque".to_owned(), RestrictedExpression::new_bool(*opaque)),
            ("label".to_owned(), label_record(label)?),
            ("clearance".to_owned(), label_record(&ask.clearance)?),
            ("findings".to_owned(), RestrictedExpression::new_set(findings)),
            ("sensitivity".to_owned(), RestrictedExpression::new_long(i64::from(*sensitivity.min(&100)))),
        ])
    }
}

fn circumstances(circumstances: &Circumstances) -> Result<Vec<(String, RestrictedExpression)>, String> {
    let mut network = vec![("loopback".to_owned(), RestrictedExpression::new_bool(circumstances.loopback))];
    if let Some(address) = circumstances.address {
        // Canonical, so that `::ffff:10.0.0.1` is inside a rule's `10.0.0.0/8`.
        let address = RestrictedExpression::new_ip(address.to_canonical().to_string());
        network.push(("address".to_owned(), address));
    }
    let device = [("known".to_owned(), RestrictedExpression::new_bool(circumstances.device_known))];
    Ok(vec![
        ("network".to_owned(), RestrictedExpression::new_record(network).map_err(one_line)?),
        ("device".to_owned(), RestrictedExpression::new_record(device).map_err(one_line)?),
        ("demo".to_owned(), RestrictedExpression::new_bool(circumstances.demo)),
    ])
}

fn name(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

/// The label's level in policies: 0 PUBLIC to 3 SECRET.
fn label_record(label: &Label) -> Result<RestrictedExpression, String> {
    let pairs = [
        ("level".to_owned(), RestrictedExpression::new_long(level(label))),
        ("name".to_owned(), RestrictedExpression::new_string(label.level().as_str().to_owned())),
        ("compartments".to_owned(), compartments(label)),
    ];
    RestrictedExpression::new_record(pairs).map_err(one_line)
}

fn compartments(label: &Label) -> RestrictedExpression {
    let names = label.compartments().iter().map(|name| name.as_str().to_owned());
    RestrictedExpression::new_set(names.map(RestrictedExpression::new_string))
}

fn level(label: &Label) -> i64 {
    match label.level() {
        Level::Public => 0,
        Level::Internal => 1,
        Level::Confidential => 2,
        Level::Secret => 3,
    }
}

pub(crate) fn one_line(error: impl std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
